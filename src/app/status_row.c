/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of tables: cells as wide as their column, or wider when they must be.
 */
#include <string.h>

#include "app_status_priv.h"

enum { CELL = 1200 };

void status_cell(struct status_row *r, const char *fmt, ...)
{
	const struct status_column *c = &r->columnv[r->n];
	char text[CELL] = "";
	va_list ap;
	int pad;

	if (r->err)
		return;

	va_start(ap, fmt);
	if (re_vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0'; /* longer than anything that goes into a cell */
	va_end(ap);

	pad = (int)c->width - (int)strlen(text);
	if (r->n++)
		r->err = mbuf_write_str(r->mb, "  ");
	for (int i = 0; c->right && i < pad && !r->err; i++)
		r->err = mbuf_write_u8(r->mb, ' ');
	if (!r->err)
		r->err = mbuf_write_str(r->mb, text);
	for (int i = 0; !c->right && i < pad && !r->err; i++)
		r->err = mbuf_write_u8(r->mb, ' ');
}

int status_row_end(struct status_row *r)
{
	while (!r->err && r->mb->end && r->mb->buf[r->mb->end - 1] == ' ')
		r->mb->pos = --r->mb->end;

	return r->err ? r->err : mbuf_write_u8(r->mb, '\n');
}

int status_titles(struct mbuf *mb, const struct status_column *columnv, size_t n)
{
	struct status_row r = {.mb = mb, .columnv = columnv, .err = mbuf_write_u8(mb, '\n')};

	for (size_t i = 0; i < n; i++)
		status_cell(&r, "%s", columnv[i].title);

	return status_row_end(&r);
}
