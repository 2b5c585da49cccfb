/* SPDX-License-Identifier: Apache-2.0 */
/* A binary min-heap by due time. */
#include "config.h"

#include "rush/errands.h"
#include "base/bug.h"

#include <stdlib.h>

#define SIZE_MIN 256

void errands_free(struct errands *errands)
{
	free(errands->heap);
	*errands = (struct errands){0};
}

void errands_clear(struct errands *errands)
{
	errands->n = 0;
}

bool errands_push(struct errands *errands, struct errand errand)
{
	size_t at = errands->n;

	if (errands->n == errands->size) {
		size_t size = errands->size == 0 ? SIZE_MIN : errands->size * 2;
		struct errand *heap =
		    realloc(errands->heap, size * sizeof(*heap));

		if (heap == NULL)
			return false;
		errands->heap = heap;
		errands->size = size;
	}
	errands->n++;
	while (at > 0 && errands->heap[(at - 1) / 2].due_ns > errand.due_ns) {
		errands->heap[at] = errands->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	errands->heap[at] = errand;
	return true;
}

const struct errand *errands_first(const struct errands *errands)
{
	return errands->n > 0 ? &errands->heap[0] : NULL;
}

struct errand errands_pop(struct errands *errands)
{
	struct errand *heap = errands->heap;
	struct errand first, last;
	size_t at = 0, child;

	BUG_ON(errands->n == 0);
	first = heap[0];
	last = heap[--errands->n];
	while ((child = at * 2 + 1) < errands->n) {
		if (child + 1 < errands->n &&
		    heap[child + 1].due_ns < heap[child].due_ns)
			child++;
		if (last.due_ns <= heap[child].due_ns)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return first;
}
