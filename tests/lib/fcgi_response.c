/* SPDX-License-Identifier: Apache-2.0 */
/* The CGI response (RFC 3875, 6) within a FastCGI answer. */
#include "config.h"

#include "lib/fcgi_client.h"

#include "base/num.h"

/* Takes a line off, without its LF or CRLF. */
static struct strv take_line(struct strv *rest)
{
	struct strv line = strv_cut(rest, '\n');

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* False when no empty line ends the headers. */
static bool split_response(
    const struct fcc_answer *answer, struct strv *headers, struct strv *body)
{
	struct strv rest = strv_from(answer->out.p, answer->out.n);

	while (rest.p != NULL && rest.n > 0) {
		const char *start = rest.p;

		if (take_line(&rest).n == 0 && rest.p != NULL) {
			*headers = strv_from(
			    answer->out.p, (size_t)(start - answer->out.p));
			*body = rest;
			return true;
		}
	}
	return false;
}

struct strv fcc_answer_headers(const struct fcc_answer *answer)
{
	struct strv headers = {NULL, 0};
	struct strv body;

	split_response(answer, &headers, &body);
	return headers;
}

struct strv fcc_answer_body(const struct fcc_answer *answer)
{
	struct strv body = {NULL, 0};
	struct strv headers;

	split_response(answer, &headers, &body);
	return body;
}

struct strv fcc_answer_header(const struct fcc_answer *answer, const char *name)
{
	struct strv rest = fcc_answer_headers(answer);

	while (rest.p != NULL && rest.n > 0) {
		struct strv line = take_line(&rest);
		struct strv have = strv_cut(&line, ':');

		if (line.p != NULL && strv_eq_nocase(have, strv_c(name)))
			return strv_trim(line);
	}
	return (struct strv){NULL, 0};
}

int fcc_answer_status(const struct fcc_answer *answer)
{
	struct strv status = fcc_answer_header(answer, "Status");
	uint64_t code;

	if (fcc_answer_headers(answer).p == NULL)
		return -1;
	if (status.p == NULL)
		return 200;
	return num_parse_u64(strv_cut(&status, ' '), 100, 999, &code)
		   ? (int)code
		   : -1;
}
