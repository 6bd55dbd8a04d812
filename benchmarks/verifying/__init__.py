"""How many correct programs ``verify`` accepts and how many faulty ones it rejects: ``make bench-verify``.

``tasks`` turns a data set into problems whose candidates are known to be correct or faulty, ``judging`` judges them,
``ledger`` keeps what is judged so that a second start goes on, ``figures`` adds it up, ``report`` shows it.
"""
