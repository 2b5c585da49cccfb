/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings-doc conf|mdoc: prints conf/flashgate.conf or the list of keys of
 * flashgate.conf(5) from the table.  Not installed; `make regenerate` runs it,
 * and a test compares.
 */
#include "config.h"

#include "prog/settings.h"

#include <string.h>
#include <sysexits.h>

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "conf") == 0)
		settings_write_conf(stdout);
	else if (argc == 2 && strcmp(argv[1], "mdoc") == 0)
		settings_write_mdoc(stdout);
	else
		return EX_USAGE;
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}
