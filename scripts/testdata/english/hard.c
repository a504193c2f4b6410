// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever closes the file need not be the caller.
 *
 * Is this a question?
 *
 * Somebody may wait.
 */
static const char *const text = "who asks somebody? /* nobody */";

int who(void);			/* Nobody can tell (who?) */

/* The caller must hold the lock. */
// Does a line end here?
/* It has comments of everyone, whom it calls. */
