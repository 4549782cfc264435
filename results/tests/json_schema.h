/*
 * json_schema.h: holds a document against a JSON Schema, as far as docs/ uses it: type, const,
 * enum, required, properties, additionalProperties, items, minimum, pattern and $ref into $defs. A
 * keyword that it does not know is an error, so that no schema promises what nobody checks. For
 * tests only.
 */
#ifndef RESULTS_TESTS_JSON_SCHEMA_H
#define RESULTS_TESTS_JSON_SCHEMA_H

#include <jansson.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* struct schema - the whole of it, and what was wrong first: a path and a word. */
struct schema {
    const json_t *root;
    char wrong[400];
};

static inline bool schema_wrong(struct schema *schema, const char *path, const char *what)
{
    if (schema->wrong[0] == '\0')
        snprintf(schema->wrong, sizeof schema->wrong, "%s: %s", path, what);
    return false;
}

static inline bool schema_is_type(const json_t *value, const char *type)
{
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    return strcmp(type, "null") == 0 && json_is_null(value);
}

static inline bool schema_type(const json_t *value, const json_t *type)
{
    size_t i;
    json_t *one;

    if (json_is_string(type))
        return schema_is_type(value, json_string_value(type));
    json_array_foreach(type, i, one) if (schema_is_type(value, json_string_value(one))) return true;
    return false;
}

static inline bool schema_enum(const json_t *value, const json_t *list)
{
    size_t i;
    json_t *one;

    json_array_foreach(list, i, one) if (json_equal(one, value)) return true;
    return false;
}

static inline bool schema_pattern(const json_t *value, const char *pattern)
{
    regex_t regex;
    bool fits;

    if (!json_is_string(value))
        return true;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    fits = regexec(&regex, json_string_value(value), 0, NULL, 0) == 0;
    regfree(&regex);
    return fits;
}

static inline bool schema_fits(struct schema *schema, const json_t *rule, const json_t *value,
                               const char *path);

static inline bool schema_members(struct schema *schema, const json_t *rule, const json_t *value,
                                  const char *path)
{
    const json_t *known = json_object_get(rule, "properties");
    const json_t *other = json_object_get(rule, "additionalProperties");
    const char *name;
    json_t *member;

    json_object_foreach((json_t *)value, name, member)
    {
        const json_t *of = json_object_get(known, name);
        char below[300];

        snprintf(below, sizeof below, "%.200s.%.80s", path, name);
        if (of == NULL && json_is_false(other))
            return schema_wrong(schema, below, "is not in the schema");
        if (of == NULL)
            of = other;
        if (of != NULL && json_is_object(of) && !schema_fits(schema, of, member, below))
            return false;
    }
    return true;
}

static inline bool schema_required(struct schema *schema, const json_t *rule, const json_t *value,
                                   const char *path)
{
    size_t i;
    json_t *name;

    json_array_foreach(json_object_get(rule, "required"), i,
                       name) if (json_object_get(value, json_string_value(name)) ==
                                 NULL) return schema_wrong(schema, path, json_string_value(name));
    return true;
}

static inline bool schema_items(struct schema *schema, const json_t *rule, const json_t *value,
                                const char *path)
{
    const json_t *of = json_object_get(rule, "items");
    char below[300];
    size_t i;
    json_t *one;

    json_array_foreach(value, i, one)
    {
        snprintf(below, sizeof below, "%.200s[%zu]", path, i);
        if (of != NULL && !schema_fits(schema, of, one, below))
            return false;
    }
    return true;
}

static inline bool schema_keyword(struct schema *schema, const char *word, const json_t *rule,
                                  const json_t *of, const json_t *value, const char *path)
{
    static const char *const passed[] = {"$schema",
                                         "$defs",
                                         "title",
                                         "description",
                                         "properties",
                                         "required",
                                         "additionalProperties",
                                         "items"};

    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        if (strcmp(word, passed[i]) == 0)
            return true;
    if (strcmp(word, "type") == 0)
        return schema_type(value, of) || schema_wrong(schema, path, "its type");
    if (strcmp(word, "const") == 0)
        return json_equal(of, value) || schema_wrong(schema, path, "its value");
    if (strcmp(word, "enum") == 0)
        return schema_enum(value, of) || schema_wrong(schema, path, "is none of the list");
    if (strcmp(word, "minimum") == 0)
        return !json_is_number(value) || json_number_value(value) >= json_number_value(of) ||
               schema_wrong(schema, path, "is too small");
    if (strcmp(word, "pattern") == 0)
        return schema_pattern(value, json_string_value(of)) ||
               schema_wrong(schema, path, "does not fit the pattern");
    return schema_wrong(schema, word, "is a keyword that is not checked here");
}

static inline bool schema_fits(struct schema *schema, const json_t *rule, const json_t *value,
                               const char *path)
{
    const char *to = json_string_value(json_object_get(rule, "$ref"));
    const char *word;
    json_t *of;

    if (to != NULL) {
        const char *name = strncmp(to, "#/$defs/", 8) == 0 ? to + 8 : "";

        rule = json_object_get(json_object_get(schema->root, "$defs"), name);
        if (rule == NULL)
            return schema_wrong(schema, to, "leads nowhere");
    }
    json_object_foreach((json_t *)rule, word,
                        of) if (!schema_keyword(schema, word, rule, of, value, path)) return false;
    if (json_is_object(value))
        return schema_required(schema, rule, value, path) &&
               schema_members(schema, rule, value, path);
    return !json_is_array(value) || schema_items(schema, rule, value, path);
}

/** schema_check() - false where the document does not fit; schema->wrong says why. */
static inline bool schema_check(struct schema *schema, const json_t *document)
{
    schema->wrong[0] = '\0';
    return schema_fits(schema, schema->root, document, "$");
}

#endif
