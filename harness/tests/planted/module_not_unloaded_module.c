/*
 * The module of module_not_unloaded.
 */
int planted_number;
