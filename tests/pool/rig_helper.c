/* SPDX-License-Identifier: Apache-2.0 */
/* The rig's app executes a program, to hear what that one has open. */
#include "config.h"

#include "pool/rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The pattern is a directory's list, with that directory's own descriptor,
 * which is closed when the loop looks. */
static const char script[] =
    "for f in /proc/$$/fd/*; do"
    " n=${f##*/}; [ $n -le 2 ] || [ ! -e $f ] || { echo $n; exit; }; "
    "done; echo none";

void rig_helper_tell(char word[32])
{
	ssize_t n = -1;
	int ends[2];
	pid_t pid;

	snprintf(word, 32, "no-helper");
	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	if (pid > 0)
		n = read(ends[0], word, 31);
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (n >= 0)
		word[n] = '\0';
	word[strcspn(word, "\n")] = '\0';
}
