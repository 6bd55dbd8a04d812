"""Makes its own output fail to flush, which Python itself answers with exit code 120.

Truth: runtime_error
"""

import os

print("anything")
os.close(1)
