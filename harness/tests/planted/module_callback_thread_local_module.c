/*
 * The module of module_callback_thread_local.
 */
void planted_destroy(void *object);

void planted_destroy(void *object)
{
    *(int *)object = 1;
}
