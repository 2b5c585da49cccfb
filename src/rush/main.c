/* SPDX-License-Identifier: Apache-2.0 */
/* flashgate-rush: the rehearsal crowd.  Everything is in the library. */
#include "config.h"

#include "rush/run.h"

int main(int argc, char **argv)
{
	return rush_main(argc, argv);
}
