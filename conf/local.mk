# Example configuration, installed beside the documentation.  flashgate.conf is
# made from the table of settings (make regenerate).
exampledir = $(docdir)/examples
dist_example_DATA = \
	%reldir%/Caddyfile \
	%reldir%/apache.conf \
	%reldir%/apache-fcgid.conf \
	%reldir%/flashgate.conf \
	%reldir%/h2o.conf \
	%reldir%/lighttpd.conf \
	%reldir%/my.cnf \
	%reldir%/nginx.conf \
	%reldir%/redis.conf \
	%reldir%/systemd/flashgate-sweep.service \
	%reldir%/systemd/flashgate-sweep.timer \
	%reldir%/systemd/flashgate.service \
	%reldir%/systemd/flashgate.socket \
	%reldir%/systemd/flashgate.sysusers \
	%reldir%/systemd/flashgate.tmpfiles \
	%reldir%/try-again.json
