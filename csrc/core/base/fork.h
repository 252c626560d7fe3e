/* In which process are we?  A number that changes in every child of fork(),
 * so that what was made before a fork is told from what was made after it
 * without a system call.  Things of another generation must not be locked:
 * the thread that held the lock may not exist here. */
#ifndef SGO_BASE_FORK_H
#define SGO_BASE_FORK_H

/* Any thread, no locks; the first call installs a handler that does nothing
 * but count. */
unsigned fork_generation(void);

#endif
