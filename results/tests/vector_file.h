/*
 * vector_file.h: reads the reference vectors beside the tests and compares with them.
 *
 * For tests only, everything static inline. The vectors were computed elsewhere and are
 * never regenerated from this code. A test must check vector_file.row at the end, so that
 * a file cut short cannot pass.
 */
#ifndef RESULTS_TESTS_VECTOR_FILE_H
#define RESULTS_TESTS_VECTOR_FILE_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VECTOR_FIELDS = 16 };

/* One open file; field[0 .. fields-1] are the current row's, valid until the next one. */
struct vector_file {
    FILE *stream;
    const char *name;
    char *line;
    size_t room;
    int row, fields;
    char *field[VECTOR_FIELDS];
};

static inline void vector_split(struct vector_file *v)
{
    char *rest = v->line;

    v->line[strcspn(v->line, "\r\n")] = '\0';
    for (v->fields = 0; rest != NULL && v->fields < VECTOR_FIELDS; v->fields++)
        v->field[v->fields] = strsep(&rest, ",");
}

/* The next row; false at the end of the file, which is then closed. */
static inline bool vector_next(struct vector_file *v)
{
    if (v->stream != NULL && getline(&v->line, &v->room, v->stream) > 0) {
        vector_split(v);
        v->row++;
        return true;
    }
    if (v->stream != NULL)
        fclose(v->stream);
    v->stream = NULL;
    free(v->line);
    v->line = NULL;
    return false;
}

/* Opens a file of the vectors folder and steps over its heading. */
static inline void vector_open(struct vector_file *v, const char *name)
{
    char path[4096];

    *v = (struct vector_file){.name = name};
    snprintf(path, sizeof path, "%s/results/tests/vectors/%s", RUNDOWN_SOURCE_DIR, name);
    v->stream = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(v->stream);
    CU_ASSERT_TRUE_FATAL(vector_next(v));
    v->row = 0;
}

static inline double vector_double(const struct vector_file *v, int field)
{
    return strtod(v->field[field], NULL);
}

static inline long long vector_count(const struct vector_file *v, int field)
{
    return strtoll(v->field[field], NULL, 10);
}

static inline bool vector_none(const struct vector_file *v, int field)
{
    return strcmp(v->field[field], "none") == 0;
}

static inline bool vector_close_relative(double got, double want)
{
    return fabs(got - want) <= 1e-9 * fabs(want);
}

/* The agreed tolerance: 1e-9 relative or 1e-12 absolute. */
static inline bool vector_close(double got, double want)
{
    return vector_close_relative(got, want) || fabs(got - want) <= 1e-12;
}

/* One verdict per comparison; a failure names file, row and both sides. */
static inline void vector_expect(const struct vector_file *v, double got, double want)
{
    if (!vector_close(got, want))
        printf("\n    %s row %d (%s ...): got %.15g, want %.15g", v->name, v->row, v->field[0], got,
               want);
    CU_ASSERT_TRUE(vector_close(got, want));
}

static inline void vector_expect_text(const struct vector_file *v, const char *got,
                                      const char *want)
{
    if (strcmp(got, want) != 0)
        printf("\n    %s row %d (%s ...): got %s, want %s", v->name, v->row, v->field[0], got,
               want);
    CU_ASSERT_STRING_EQUAL(got, want);
}

/* The next number of a list separated by blanks; false at its end. */
static inline bool vector_number(char **list, double *number)
{
    char *end;

    *number = strtod(*list, &end);
    if (end == *list)
        return false;
    *list = end;
    return true;
}

/* Runs the tests of one program; its exit status. */
static inline int vector_run(const char *name, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {{name, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    bool failed;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures() != 0 || CU_get_number_of_tests_run() == 0;
    CU_cleanup_registry();
    return failed;
}

#endif
