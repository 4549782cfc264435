/* plug_needs: brings deep_needed along. */
int needed_answer(void);
int needs_answer(void);

int needs_answer(void)
{
    return needed_answer() + 1;
}
