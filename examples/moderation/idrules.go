package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxIDBytes = 64 // RC's limit

// lineProblem says why a line that somebody wrote, or another program, isn't a user id, and what to do about it. It returns
// "" if it is one. RC documents letters and digits, and formerly + = - and _. Other visible characters are let through,
// because apps use them, but for those of quotes, lists and data formats: with them the line is something else than an id.
func lineProblem(line string) string {
	if !utf8.ValidString(line) {
		return "is not UTF-8 text: convert the file, for example with iconv -f GB18030 -t UTF-8"
	}
	for _, r := range line {
		if isLetterOrDigit(r) {
			continue
		}
		if problem := runeProblem(r); problem != "" {
			return problem
		}
	}
	switch {
	case line == "":
		return "is empty"
	case len(line) > maxIDBytes:
		return tooLong
	case roundedNumber.MatchString(line):
		return "is a number that a spreadsheet has rounded: export the column as text"
	case spreadsheetError.MatchString(line):
		return "is a spreadsheet's error in place of an id: mend the cell"
	case slices.Contains(noValues, line):
		return "is what programs write where there is no value: take the id from its origin again"
	}
	return ""
}

// tooLong is also what is wrong with a line of which only the beginning is kept.
const tooLong = "has more than 64 bytes, which no id has: write one id per line"

// roundedNumber is how spreadsheets write numbers of more than 11 digits.
var roundedNumber = regexp.MustCompile(`^[0-9]([.,][0-9]+)?E\+[0-9]+$`)

// spreadsheetError is what spreadsheets show for a cell that can't be calculated, such as an id that begins with = or
// -. The names differ between languages.
var spreadsheetError = regexp.MustCompile(`^(#\p{Lu}[\p{Lu}/0]*[!?]|#N/A|#NV|#N/D|Err:[0-9]{3})$`)

// noValues are what databases and programming languages print for a missing value.
var noValues = []string{"NULL", "null", "undefined", "NaN", "None", "nil"}

// isLetterOrDigit reports the characters of most ids, so that the tables of Unicode are used for the others only.
func isLetterOrDigit(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z'
}

func runeProblem(r rune) string {
	switch {
	case r == 0:
		return "holds a NUL byte: the file is binary, or UTF-16, which iconv -f UTF-16 -t UTF-8 converts"
	case r == '\t' || strings.ContainsRune(",;|，、；", r):
		return fmt.Sprintf("holds %q: write one id per line; of a table keep only the column with the ids", r)
	case r == '\r':
		return "holds a carriage return: convert the file to Unix line ends, with tr '\\r' '\\n'"
	case unicode.IsControl(r):
		return fmt.Sprintf("holds the control character %U: write the id anew", r)
	case unicode.IsSpace(r):
		return fmt.Sprintf("holds a space (%U): write one id per line, and a # comment on a line of its own", r)
	case unicode.Is(unicode.Quotation_Mark, r) || r == '`':
		return "holds a quotation mark: write ids without quotes"
	case strings.ContainsRune(`\<>{}[]()`, r):
		return fmt.Sprintf("holds %q, as data formats do: write one id per line and nothing else", r)
	case r == utf8.RuneError:
		return "holds U+FFFD: a character was lost in a conversion, so take the id from its origin again"
	case isInvisible(r):
		return fmt.Sprintf("holds the invisible character %U: write the id anew", r)
	case !unicode.IsPrint(r):
		return fmt.Sprintf("holds %U, which is no assigned character: write the id anew", r)
	}
	return ""
}

// isInvisible reports characters that don't show or that reorder others: zero-width and bidirectional ones, fillers and
// selectors of variants.
func isInvisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		r == '\u2800' // a braille pattern without dots
}

// printedProblem is lineProblem for an id in a list that this program printed, where quotes and commas are no doubt the
// id's own. It refuses what no call can carry.
func printedProblem(id string) string {
	switch {
	case id == "":
		return "has no id"
	case !utf8.ValidString(id):
		return "is not UTF-8 text"
	case strings.ContainsFunc(id, unicode.IsControl):
		return "holds a control character"
	case len(id) > maxIDBytes:
		return tooLong
	}
	return ""
}

// commaProblem is for commands whose calls join ids with commas.
func commaProblem(id string) string {
	if strings.Contains(id, ",") {
		return "holds a comma, at which RC would split the id in this call"
	}
	return ""
}

// isHeader reports whether a line reads like the name of a column of ids.
func isHeader(line string) bool {
	name := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(line))
	return slices.Contains(headers, name)
}

var headers = []string{
	"user", "users", "id", "ids", "userid", "userids", "username", "uid", "uids", "uuid", "owner", "member", "memberid", "account",
	"accountid",
}
