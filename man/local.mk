# Manual pages (mdoc).  flashgate.conf.5 is made from the table of settings;
# tests/prog/docs.sh compares.
dist_man_MANS += \
	%reldir%/flashgate-rush.1 \
	%reldir%/flashgate.8 \
	%reldir%/flashgate.conf.5 \
	%reldir%/flashgatectl.8
EXTRA_DIST += %reldir%/flashgate.conf.5.head %reldir%/flashgate.conf.5.tail

.PHONY: regenerate
regenerate: settings-doc
	./settings-doc conf >'$(top_srcdir)/conf/flashgate.conf'
	{ cat '$(top_srcdir)/man/flashgate.conf.5.head' && ./settings-doc mdoc && \
	    cat '$(top_srcdir)/man/flashgate.conf.5.tail'; } \
	    >'$(top_srcdir)/man/flashgate.conf.5'
