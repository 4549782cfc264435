/*
 * The module of module_callback_cleanup.
 */
void planted_clean(void *object);

void planted_clean(void *object)
{
    *(int *)object = 1;
}
