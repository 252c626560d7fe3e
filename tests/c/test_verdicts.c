/* What is JSON and what is not: one table of texts and verdicts, for every
 * scanner there is.  `y` must pass and `n` must not, as RFC 8259 says; what
 * it leaves open stands last, with what we decided (as json.loads does). */
#include "check.h"
#include "json/document_internal.h"
#include "json/simd.h"
#include "json/validate.h"
#include "json_help.h"

struct verdict {
    const char *name;
    const char *text;
    size_t len;
    sgo_status status;
};

#define y SGO_OK
#define n SGO_INVALID
#define CASE(verdict, name, text)                                             \
    {                                                                         \
        name, text, sizeof(text) - 1, verdict                                 \
    }

/* clang-format off */
static const struct verdict verdicts[] = {
    /* arrays */
    CASE(y, "array empty", "[]"),
    CASE(y, "array empty with space", "[ ]"),
    CASE(y, "array of arrays", "[[],[[]]]"),
    CASE(y, "array of an empty string", "[\"\"]"),
    CASE(y, "array of one", "[1]"),
    CASE(y, "array of false", "[false]"),
    CASE(y, "array of null", "[null]"),
    CASE(y, "array of true", "[true]"),
    CASE(y, "array of kinds", "[null,1,\"1\",{}]"),
    CASE(y, "array ends in newline", "[1\012]"),
    CASE(y, "array with leading space", " [1]"),
    CASE(y, "array with trailing space", "[2] "),
    CASE(y, "array of several nulls", "[1,null,null,null,2]"),
    CASE(y, "array in an array in an array", "[[[1]]]"),
    CASE(n, "array one missing bracket", "[\"x\""),
    CASE(n, "array comma after close", "[1],"),
    CASE(n, "array closed twice", "[\"x\"]]"),
    CASE(n, "array extra comma", "[\"\",]"),
    CASE(n, "array two commas", "[1,,2]"),
    CASE(n, "array leading comma", "[,1]"),
    CASE(n, "array only a comma", "[,]"),
    CASE(n, "array two commas at the end", "[\"\",,]"),
    CASE(n, "array missing value at the end", "[\"\", ]"),
    CASE(n, "array colon for comma", "[\"\":1]"),
    CASE(n, "array just a minus", "[-]"),
    CASE(n, "array number and comma", "[1,"),
    CASE(n, "array open with a newline", "[\"a\",\0124\012,1,"),
    CASE(n, "array no comma", "[1 true]"),
    CASE(n, "array items unseparated", "[3[4]]"),
    CASE(n, "array inner array not closed", "[[1]"),
    CASE(n, "array spaces and vertical tab", "[\"\013a\"\\f]"),
    CASE(n, "array star", "[*]"),
    CASE(n, "array unclosed", "["),
    CASE(n, "array unclosed with newline", "[1,\0121\012,1"),
    CASE(n, "array unclosed with object", "[{}"),
    CASE(n, "array closed by a brace", "[1}"),
    CASE(n, "array wrong close inside", "[{]"),
    CASE(n, "array double open", "[["),
    /* objects */
    CASE(y, "object empty", "{}"),
    CASE(y, "object of one", "{\"a\":1}"),
    CASE(y, "object of two", "{\"a\":1,\"b\":2}"),
    CASE(y, "object with an empty key", "{\"\":0}"),
    CASE(y, "object with an escaped zero as key", "{\"foo\\u0000bar\":42}"),
    CASE(y, "object with equal keys", "{\"a\":\"b\",\"a\":\"c\"}"),
    CASE(y, "object with equal keys and values", "{\"a\":\"b\",\"a\":\"b\"}"),
    CASE(y, "object with newlines", "{\012\"a\": \"b\"\012}"),
    CASE(y, "object with a long key", "{\"x\":[{\"id\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}]}"),
    CASE(y, "object with an escaped key", "{\"\\u0061\":1}"),
    CASE(y, "object with wide keys", "{\"\320\237\320\276\320\273\":\"\320\274\"}"),
    CASE(y, "object with extreme numbers", "{\"min\":-1.0e+28,\"max\":1.0e+28}"),
    CASE(y, "object in an object", "{\"a\":{\"b\":{\"c\":{}}}}"),
    CASE(n, "object with an array as key", "{[1]:2}"),
    CASE(n, "object with a bracket for the colon", "{\"x\"]null}"),
    CASE(n, "object with a comma for the colon", "{\"x\",null}"),
    CASE(n, "object with two colons", "{\"x\"::\"b\"}"),
    CASE(n, "object with an emoji as key", "{\360\237\207\250}"),
    CASE(n, "object with garbage at the end", "{\"a\":\"a\" 123}"),
    CASE(n, "object with single quotes", "{'a':0}"),
    CASE(n, "object without a colon", "{\"a\" \"b\"}"),
    CASE(n, "object without a key", "{:\"b\"}"),
    CASE(n, "object without a value", "{\"a\":}"),
    CASE(n, "object without a value, cut", "{\"a\":"),
    CASE(n, "object with a number as key", "{1:1}"),
    CASE(n, "object with huge numbers as key", "{9999E9999:1}"),
    CASE(n, "object with several commas", "{\"id\":0,,,,,}"),
    CASE(n, "object with a comma at the end", "{\"id\":0,}"),
    CASE(n, "object with a leading comma", "{,\"id\":0}"),
    CASE(n, "object with two commas in a row", "{\"a\":\"b\",,\"c\":\"d\"}"),
    CASE(n, "object with an unquoted key", "{a:\"b\"}"),
    CASE(n, "object unterminated", "{\"a\":\"a"),
    CASE(n, "object with only a string", "{\"foo\"}"),
    CASE(n, "object followed by a brace", "{\"a\":true}}"),
    CASE(n, "object followed by a comment", "{\"a\":\"b\"}/**/"),
    CASE(n, "object followed by an open comment", "{\"a\":\"b\"}/**//"),
    CASE(n, "object followed by a slash", "{\"a\":\"b\"}/"),
    CASE(n, "object followed by a hash", "{\"a\":\"b\"}#"),
    CASE(n, "object with null as key", "{null:null,null:null}"),
    CASE(n, "object closed by a bracket", "{\"a\":1]"),
    CASE(n, "object of one bad pair", "{\"a\":/*c*/\"b\"}"),
    CASE(n, "object open", "{"),
    CASE(n, "object open with a key", "{\"a\""),
    CASE(n, "object with a value and a value", "{\"a\":1 \"b\":2}"),
    CASE(n, "object with a value for a member", "{\"a\":1,2}"),
    CASE(n, "object with a member in an array", "[\"a\":1,\"b\":2]"),
    /* numbers */
    CASE(y, "number 0", "[0]"),
    CASE(y, "number -0", "[-0]"),
    CASE(y, "number 1", "[1]"),
    CASE(y, "number -1", "[-1]"),
    CASE(y, "number 123", "[123]"),
    CASE(y, "number 123e65", "[123e65]"),
    CASE(y, "number 0e+1", "[0e+1]"),
    CASE(y, "number 0e1", "[0e1]"),
    CASE(y, "number 20e1", "[20e1]"),
    CASE(y, "number -123", "[-123]"),
    CASE(y, "number 1E22", "[1E22]"),
    CASE(y, "number 1E-2", "[1E-2]"),
    CASE(y, "number 1E+2", "[1E+2]"),
    CASE(y, "number 123e45", "[123e45]"),
    CASE(y, "number 123.456e78", "[123.456e78]"),
    CASE(y, "number 1e-2", "[1e-2]"),
    CASE(y, "number 1e+2", "[1e+2]"),
    CASE(y, "number 123.456789", "[123.456789]"),
    CASE(y, "number close to zero", "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]"),
    CASE(y, "number 0.5", "[0.5]"),
    CASE(y, "number -1.5e-7", "[-1.5e-7]"),
    CASE(y, "number 1.0", "[1.0]"),
    CASE(y, "number 10", "[10]"),
    CASE(y, "number 100000000000000000000", "[100000000000000000000]"),
    CASE(y, "number 9007199254740993", "[9007199254740993]"),
    CASE(y, "number 0.0", "[0.0]"),
    CASE(y, "number -0.0e0", "[-0.0e0]"),
    CASE(y, "number alone", "42"),
    CASE(y, "number alone, negative", "-0.1"),
    CASE(y, "number followed by space", "[4 ]"),
    CASE(y, "number in an object", "{\"a\":-1e5}"),
    CASE(n, "number -01", "[-01]"),
    CASE(n, "number -1.0.", "[-1.0.]"),
    CASE(n, "number -2.", "[-2.]"),
    CASE(n, "number .-1", "[.-1]"),
    CASE(n, "number .2e-3", "[.2e-3]"),
    CASE(n, "number 0.1.2", "[0.1.2]"),
    CASE(n, "number 0.3e", "[0.3e]"),
    CASE(n, "number 0.3e+", "[0.3e+]"),
    CASE(n, "number 0.e1", "[0.e1]"),
    CASE(n, "number 0E", "[0E]"),
    CASE(n, "number 0e", "[0e]"),
    CASE(n, "number 0e+", "[0e+]"),
    CASE(n, "number 1.0e", "[1.0e]"),
    CASE(n, "number 1.0e-", "[1.0e-]"),
    CASE(n, "number 1.0e+", "[1.0e+]"),
    CASE(n, "number 1 000.0", "[1 000.0]"),
    CASE(n, "number 1eE2", "[1eE2]"),
    CASE(n, "number 2.e+3", "[2.e+3]"),
    CASE(n, "number 2.e-3", "[2.e-3]"),
    CASE(n, "number 2.e3", "[2.e3]"),
    CASE(n, "number 9.e+", "[9.e+]"),
    CASE(n, "number Inf", "[Inf]"),
    CASE(n, "number NaN", "[NaN]"),
    CASE(n, "number -NaN", "[-NaN]"),
    CASE(n, "number +1", "[+1]"),
    CASE(n, "number ++1234", "[++1234]"),
    CASE(n, "number -", "[-]"),
    CASE(n, "number -Infinity", "[-Infinity]"),
    CASE(n, "number Infinity", "[Infinity]"),
    CASE(n, "number +Inf", "[+Inf]"),
    CASE(n, "number -1x", "[-1x]"),
    CASE(n, "number - 1", "[- 1]"),
    CASE(n, "number -foo", "[-foo]"),
    CASE(n, "number -012", "[-012]"),
    CASE(n, "number -.123", "[-.123]"),
    CASE(n, "number 012", "[012]"),
    CASE(n, "number 1+2", "[1+2]"),
    CASE(n, "number 0x1", "[0x1]"),
    CASE(n, "number 0x42", "[0x42]"),
    CASE(n, "number 1ea", "[1ea]"),
    CASE(n, "number 1e1.5", "[1e1.5]"),
    CASE(n, "number .123", "[.123]"),
    CASE(n, "number 1.", "[1.]"),
    CASE(n, "number 1..5", "[1..5]"),
    CASE(n, "number 1_000", "[1_000]"),
    CASE(n, "number 1,000.", "[1,000.]"),
    CASE(n, "number -2147483648-", "[-2147483648-]"),
    CASE(n, "number 1-1", "[1-1]"),
    CASE(n, "number 0-", "[0-]"),
    CASE(n, "number 00", "[00]"),
    CASE(n, "number 01.5", "[01.5]"),
    CASE(n, "number 0b1", "[0b1]"),
    CASE(n, "number 0o7", "[0o7]"),
    CASE(n, "number 1f", "[1f]"),
    CASE(n, "number 1d", "[1d]"),
    CASE(n, "number 1L", "[1L]"),
    CASE(n, "number 1e--1", "[1e--1]"),
    CASE(n, "number 1.5.2", "[1.5.2]"),
    CASE(n, "number full width", "[\357\274\221]"),
    CASE(n, "number 1 and zero byte", "[1\000]"),
    CASE(n, "number alone, cut", "-"),
    CASE(n, "number alone, exponent cut", "1e"),
    CASE(n, "two numbers", "1 2"),
    CASE(n, "number then letters", "1true"),
    /* literals */
    CASE(y, "literal true", "true"),
    CASE(y, "literal false", "false"),
    CASE(y, "literal null", "null"),
    CASE(y, "literal in an object", "{\"a\":true,\"b\":false,\"c\":null}"),
    CASE(y, "literal with spaces", " [ true , false , null ] "),
    CASE(n, "literal nul", "[nul]"),
    CASE(n, "literal tru", "[tru]"),
    CASE(n, "literal fals", "[fals]"),
    CASE(n, "literal nulll", "[nulll]"),
    CASE(n, "literal truee", "[truee]"),
    CASE(n, "literal falsee", "[falsee]"),
    CASE(n, "literal True", "[True]"),
    CASE(n, "literal False", "[False]"),
    CASE(n, "literal Null", "[Null]"),
    CASE(n, "literal TRUE", "[TRUE]"),
    CASE(n, "literal n", "[n]"),
    CASE(n, "literal t", "[t]"),
    CASE(n, "literal f", "[f]"),
    CASE(n, "literal truefalse", "[truefalse]"),
    CASE(n, "literal true1", "[true1]"),
    CASE(n, "literal true'a'", "[true\"a\"]"),
    CASE(n, "literal nil", "[nil]"),
    CASE(n, "literal undefined", "[undefined]"),
    CASE(n, "literal none", "[none]"),
    CASE(n, "literal alone, cut", "tru"),
    CASE(n, "literal with capital", "NULL"),
    /* strings */
    CASE(y, "string empty", "\"\""),
    CASE(y, "string one letter", "\"a\""),
    CASE(y, "string escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    CASE(y, "string escape of a letter", "\"\\u0060\\u012a\\u12AB\""),
    CASE(y, "string pair of surrogates", "\"\\ud801\\udc37\""),
    CASE(y, "string two pairs of surrogates", "\"\\ud83d\\ude39\\ud83d\\udc8d\""),
    CASE(y, "string escaped backslash at the end", "\"\\\\\""),
    CASE(y, "string escaped backslash and quote", "\"\\\\\\\"\""),
    CASE(y, "string backslash and u", "\"\\\\u0000\""),
    CASE(y, "string escaped quote", "\"\\\"\""),
    CASE(y, "string comments", "\"a/*b*/c/*d//e\""),
    CASE(y, "string delete", "\"a\177a\""),
    CASE(y, "string last character", "\"\364\217\277\277\""),
    CASE(y, "string character without meaning", "\"\357\277\277\""),
    CASE(y, "string one, two, three, four bytes", "\"$\302\242\342\202\254\360\220\215\210\""),
    CASE(y, "string two byte bounds", "\"\302\200\337\277\""),
    CASE(y, "string three byte bounds", "\"\340\240\200\357\277\275\""),
    CASE(y, "string around the surrogates", "\"\355\237\277\356\200\200\""),
    CASE(y, "string four byte bounds", "\"\360\220\200\200\364\217\277\277\""),
    CASE(y, "string line separators", "\"\342\200\250\342\200\251\""),
    CASE(y, "string byte order mark inside", "\"\357\273\277a\""),
    CASE(y, "string escaped zero", "\"\\u0000\""),
    CASE(y, "string escaped control", "\"\\u0012\""),
    CASE(y, "string escaped non-character", "\"\\uFFFE\\uDBFF\\uDFFE\""),
    CASE(y, "string hex in both cases", "\"\\uaBcD\\uEf01\""),
    CASE(y, "string space", "\" \""),
    CASE(y, "string brackets and commas", "\"{}[]:,\""),
    CASE(y, "string slash", "\"\\/\""),
    CASE(y, "string brackets behind an escape", "[\"\\\"]\",\"\\\\\",\"}\"]"),
    CASE(n, "string cut", "\""),
    CASE(n, "string cut after a letter", "\"a"),
    CASE(n, "string cut in an escape", "\"\\"),
    CASE(n, "string cut in a code", "\"\\u"),
    CASE(n, "string cut in a code of three", "\"\\u00A"),
    CASE(n, "string code of three", "\"\\u00A\""),
    CASE(n, "string code of two", "\"\\u00\""),
    CASE(n, "string code with a letter that is none", "\"\\uqqqq\""),
    CASE(n, "string code with a minus", "\"\\u-123\""),
    CASE(n, "string code with a space", "\"\\u 123\""),
    CASE(n, "string escape of x", "\"\\x00\""),
    CASE(n, "string escape of a", "\"\\a\""),
    CASE(n, "string escape of v", "\"\\v\""),
    CASE(n, "string escape of zero", "\"\\0\""),
    CASE(n, "string escape of e", "\"\\e\""),
    CASE(n, "string escape of a quote mark", "\"\\'\""),
    CASE(n, "string escape of capital U", "\"\\U0001F600\""),
    CASE(n, "string escape of an emoji", "\"\\\360\237\214\200\""),
    CASE(n, "string escape of a tab", "\"\\\011\""),
    CASE(n, "string escape of a newline", "\"\\\012\""),
    CASE(n, "string escaped quote, then nothing", "\"\\\""),
    CASE(n, "string surrogate, second cut", "\"\\uD834\\uDd\""),
    CASE(n, "string surrogate, second bad", "\"\\uD800\\u1x\""),
    CASE(n, "string newline", "\"a\012b\""),
    CASE(n, "string tab", "\"\011\""),
    CASE(n, "string carriage return", "\"\015\""),
    CASE(n, "string zero byte", "\"a\000b\""),
    CASE(n, "string unit separator", "\"\037\""),
    CASE(n, "string backspace", "\"\010\""),
    CASE(n, "string single quotes", "'a'"),
    CASE(n, "string no quotes", "a"),
    CASE(n, "string accent without quotes", "\303\251"),
    CASE(n, "string escape without quotes", "\\n"),
    CASE(n, "string code without quotes", "\\u0061"),
    CASE(n, "string two strings", "\"a\"\"b\""),
    CASE(n, "string text behind", "\"\"x"),
    CASE(n, "string continuation alone", "\"\201\""),
    CASE(n, "string two byte cut", "\"\303\""),
    CASE(n, "string three byte cut", "\"\342\202\""),
    CASE(n, "string four byte cut", "\"\360\237\217\""),
    CASE(n, "string two byte with a letter", "\"\303(\""),
    CASE(n, "string overlong slash of two", "\"\300\257\""),
    CASE(n, "string overlong zero", "\"\300\200\""),
    CASE(n, "string overlong of three", "\"\340\200\257\""),
    CASE(n, "string overlong of four", "\"\360\200\200\257\""),
    CASE(n, "string overlong of five", "\"\370\200\200\200\257\""),
    CASE(n, "string overlong of six", "\"\374\203\277\277\277\277\""),
    CASE(n, "string high surrogate as bytes", "\"\355\240\200\""),
    CASE(n, "string low surrogate as bytes", "\"\355\277\277\""),
    CASE(n, "string above the last character", "\"\364\220\200\200\""),
    CASE(n, "string byte FE", "\"\376\""),
    CASE(n, "string byte FF", "\"\377\""),
    CASE(n, "string Latin-1", "\"\351\""),
    CASE(n, "string UTF-16", "\377\376[\000\"\000\351\000\"\000]\000"),
    /* structure */
    CASE(y, "structure space around", " [] "),
    CASE(y, "structure all white space", "\011\015\012 []\012\015\011"),
    CASE(y, "structure newlines", "{\012}\012"),
    CASE(y, "structure a lone string", "\"asd\""),
    CASE(y, "structure a lone literal", "false"),
    CASE(y, "structure newline at the end", "[\"a\"]\012"),
    CASE(n, "structure nothing", ""),
    CASE(n, "structure space only", " "),
    CASE(n, "structure newline only", "\012"),
    CASE(n, "structure byte order mark", "\357\273\277{}"),
    CASE(n, "structure byte order mark alone", "\357\273\277"),
    CASE(n, "structure half a byte order mark", "\357\273{}"),
    CASE(n, "structure angle brackets", "<.>"),
    CASE(n, "structure angle null", "[<null>]"),
    CASE(n, "structure letter", "a"),
    CASE(n, "structure at", "@"),
    CASE(n, "structure close only", "]"),
    CASE(n, "structure close brace only", "}"),
    CASE(n, "structure double array", "[][]"),
    CASE(n, "structure end array", "1]"),
    CASE(n, "structure double value", "{} {}"),
    CASE(n, "structure object followed by array", "{}[]"),
    CASE(n, "structure form feed", "[\014]"),
    CASE(n, "structure vertical tab", "\013[]"),
    CASE(n, "structure no-break space", "[\302\240]"),
    CASE(n, "structure word joiner", "[\342\201\240]"),
    CASE(n, "structure zero byte", "\000"),
    CASE(n, "structure zero byte behind", "[]\000"),
    CASE(n, "structure zero byte within", "[\000]"),
    CASE(n, "structure line comment", "[] // x"),
    CASE(n, "structure comment before", "/*x*/[]"),
    CASE(n, "structure hash comment", "# x\012[]"),
    CASE(n, "structure capital", "[True]"),
    CASE(n, "structure comma instead of brace", "{\"x\":true,"),
    CASE(n, "structure unclosed object", "{\"asd\":\"asd\""),
    CASE(n, "structure unclosed after a number", "[1"),
    CASE(n, "structure unclosed after true", "[ true"),
    CASE(n, "structure open object, open array", "{["),
    CASE(n, "structure open object, key", "{\"a\""),
    CASE(n, "structure open object, string with apostrophes", "{\"a\":'a'"),
    CASE(n, "structure open array, apostrophe", "['"),
    CASE(n, "structure open array, comma", "[,"),
    CASE(n, "structure open array, object", "[{"),
    CASE(n, "structure open object, bracket", "{]"),
    CASE(n, "structure array with a closing brace", "[\"a\"}"),
    CASE(n, "structure quotes of another kind", "[\342\200\234a\342\200\235]"),
    CASE(n, "structure semicolon", "[1;2]"),
    CASE(n, "structure trailing hash", "{}#{}"),
    CASE(n, "structure U+2060", "\342\201\240"),
    CASE(n, "structure escape before brackets", "\\[]"),
    CASE(n, "structure escaped quotes around", "[\\\"a\\\"]"),
    CASE(n, "structure ascii delete", "\177[]"),
    /* what others decide otherwise */
    CASE(y, "others lone high surrogate", "[\"\\uDADA\"]"),
    CASE(y, "others lone low surrogate", "[\"\\uDd1e\"]"),
    CASE(y, "others surrogates the wrong way round", "[\"\\uDd1e\\uD834\"]"),
    CASE(y, "others high surrogate and a letter", "[\"\\uD800abc\"]"),
    CASE(y, "others high surrogate and newline", "[\"\\uD800\\n\"]"),
    CASE(y, "others two high surrogates", "[\"\\uD800\\uD800\"]"),
    CASE(y, "others high surrogate as a key", "{\"\\uDFAA\":0}"),
    CASE(y, "others huge exponent", "[123.456e-789]"),
    CASE(y, "others exponent beyond a double", "[0.4e00669999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999969999999006]"),
    CASE(y, "others negative beyond a double", "[-1e+9999]"),
    CASE(y, "others beyond a double", "[1.5e+9999]"),
    CASE(y, "others beyond 64 bits", "[-123123123123123123123123123123]"),
    CASE(y, "others very small", "[123e-10000000]"),
    CASE(y, "others very large", "[100000000000000000000000000000000000000000]"),
};
/* clang-format on */

#undef y
#undef n

static struct pool *pool;

static sgo_status
scanned(const char *padded, size_t len)
{
    struct scan_index index = {.pool = pool};
    sgo_status status = scan(padded, len, &index, NULL);

    scan_index_fini(&index);
    return status;
}

/* By both forms of the scanner and by the validator. */
static void
check_verdict(const struct verdict *v, const char *text, size_t len)
{
    char *padded = mem_calloc(1, len + SCAN_PADDING);
    sgo_status best, portable, validated;

    if (len > 0) {
        memcpy(padded, text, len);
    }
    best = scanned(padded, len);
    simd_force_portable(true);
    portable = scanned(padded, len);
    simd_force_portable(false);
    validated = json_validate(padded, len, NULL);
    if (best != v->status || portable != v->status || validated != v->status) {
        fprintf(stderr, "%s: %d, portable %d, validator %d\n", v->name,
                (int)best, (int)portable, (int)validated);
        CHECK(false);
    }
    mem_free(padded);
}

static void
every_text_has_its_verdict(void)
{
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
        check_verdict(&verdicts[i], verdicts[i].text, verdicts[i].len);
    }
}

/* The same within a document, behind more than a block of text; white space
 * at the ends of some texts then stands between tokens. */
static void
also_deep_in_a_text(void)
{
    static const char front[] =
        "{\"eventID\":\"e1\",\"a long member of the front\":\"x\",\"odds\":{"
        "\"points-home-game-ml-home\":[1,{\"value\":";
    struct buf b;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
        buf_reset(&b);
        buf_puts(&b, front);
        buf_append(&b, verdicts[i].text, verdicts[i].len);
        buf_puts(&b, "}]}}");
        /* Some of the texts that are wrong alone are right in there. */
        if (strchr(verdicts[i].text, '}') == NULL &&
            strchr(verdicts[i].text, ']') == NULL) {
            check_verdict(&verdicts[i], b.data, b.len);
        } else if (verdicts[i].status == SGO_OK) {
            check_verdict(&verdicts[i], b.data, b.len);
        }
    }
    buf_fini(&b);
}

/* An update takes what a build takes: each text as the new value of a
 * member. */
static void
also_in_an_update(void)
{
    struct document *old = help_build(pool, "{\"a\":\"x\",\"v\":7,\"z\":1}");
    struct buf b;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
        struct document *doc = NULL, *built = NULL;
        struct changes *changes = NULL;
        sgo_status status, wanted;

        buf_reset(&b);
        buf_puts(&b, "{\"a\":\"x\",\"v\":");
        buf_append(&b, verdicts[i].text, verdicts[i].len);
        buf_puts(&b, ",\"z\":1}");
        wanted = document_build(pool, b.data, b.len, &built, NULL);
        CHECK(verdicts[i].status != SGO_OK || wanted == SGO_OK);
        for (int form = 0; form < 2; form++) {
            simd_force_portable(form == 1);
            status = document_update(pool, b.data, b.len, old, &doc, &changes,
                                     NULL);
            simd_force_portable(false);
            CHECK_INT(status, wanted);
            if (status == SGO_OK) {
                changes_release(changes);
                document_release(doc);
            }
        }
        document_release(built);
    }
    document_release(old);
    buf_fini(&b);
}

int
main(void)
{
    pool = pool_create(1 << 20);
    RUN(every_text_has_its_verdict);
    RUN(also_deep_in_a_text);
    RUN(also_in_an_update);
    pool_release(pool);
    return check_done();
}
