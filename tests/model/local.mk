# model: searches over doc/model/*.pml (spin)
dist_check_SCRIPTS += %reldir%/model.sh
TESTS += %reldir%/model.sh
EXTRA_DIST += %reldir%/run-model \
	doc/model/claim.pml doc/model/runs \
	doc/model/settle.pml doc/model/settle.runs doc/model/README.md

# The large sets: minutes, and some GB.
.PHONY: check-model
check-model:
	@$(AM_TESTS_ENVIRONMENT) \
	MODEL_CFLAGS='-O2 -DCOLLAPSE' MODEL_HASH=25 MODEL_MB=8000 MODEL_SECONDS=1800 \
	    $(SHELL) '$(top_srcdir)/tests/model/model.sh' large
