/* The only door to the heap.  Tests make the n-th allocation fail through
 * mem_fail_after(), so every caller must handle NULL. */
#ifndef SGO_BASE_MEM_H
#define SGO_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any thread, no locks.  Sizes of 0 are served as 1. */
void *mem_alloc(size_t bytes);
void *mem_calloc(size_t n, size_t bytes);
void *mem_realloc(void *old, size_t bytes);
void mem_free(void *p);

/* A copy of len bytes with a NUL behind them; NULL when out of memory. */
char *mem_dup(const void *bytes, size_t len);

/* A copy, likewise, of what no core dump shall show: in pages of its own that
 * are left out of one, as far as the system knows how.  Wiped by
 * mem_secret_free(), and by that only; NULL is fine there. */
char *mem_secret(const void *bytes, size_t len);
void mem_secret_free(char *secret);

/* Zero what is about to be freed; never optimised away. */
void mem_wipe(void *p, size_t bytes);

/* Tests: let `successes` more allocations succeed, then fail one and switch
 * off; a negative number switches off at once.  Counts over all threads. */
void mem_fail_after(int64_t successes);

/* Tests: the allocation that mem_fail_after() lets fail has not come yet. */
bool mem_fail_pending(void);

/* Tests: every mem_calloc() of one thing of so many bytes fails; 0: none. */
void mem_fail_size(size_t bytes);

/* Tests: allocations asked for since the process began. */
uint64_t mem_count(void);

#endif
