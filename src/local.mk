# One static library per layer.  A program or test links only the layers it may
# see, so a call across a border is an undefined reference; src/*/.may_include
# and tests/layers.sh catch the includes.
include src/base/local.mk
include src/pool/local.mk
include src/fcgi/local.mk
include src/sale/local.mk
include src/gate/local.mk
include src/ledger/local.mk
include src/web/local.mk
include src/prog/local.mk
include src/rush/local.mk
