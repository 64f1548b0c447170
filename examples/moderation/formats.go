package main

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"time"
)

// inputFormat reads the lines of one kind of input.
type inputFormat interface {
	// parse returns what a line holds: a record, or what is wrong with the line, or neither if the line holds nothing.
	parse(text string) (record, problem string)
	// end returns what is wrong with an input that ends here, or "".
	end() string
}

// detect chooses the format by the first line that is neither blank nor a comment. consumed reports that this line is a
// header. If no line of the input can be used, advice says why.
func detect(first string) (format inputFormat, consumed bool, advice string) {
	words := strings.Fields(first)
	switch {
	case first == "user,until":
		return bansCSV{}, true, ""
	case first == "[":
		return &bansJSON{}, true, ""
	case first == "[]":
		return &bansJSON{complete: true}, true, ""
	case first == "user,online" || strings.HasPrefix(first, `[{"online"`):
		return nil, false, onlineAdvice
	case first[0] == '{' || first[0] == '[':
		return nil, false, "this is JSON, but not what banned --format json prints: write one id per line, for example with jq -r '.[].user'"
	case len(words) == 2 && words[0] == "user" && (words[1] == "until" || words[1] == "online"):
		return nil, false, "this is a table that this program printed: print it with --format ids instead"
	case first == ownersHeader:
		return nil, false, "this is a file for --owners"
	case first[0] == '<':
		return nil, false, "this is HTML or XML: write one id per line"
	}
	return &idLines{}, false, ""
}

const onlineAdvice = "this is what online prints, with the users who are offline: print it with --format ids, which has only those online"

// idLines is one id per line, without surrounding spaces. Blank lines and those that begin with # hold nothing.
type idLines struct {
	begun bool // there was an id
}

// parse also refuses a first id that may be a header: to take it for the wrong one would change a stranger, or spare a user.
func (f *idLines) parse(text string) (record, problem string) {
	id := strings.Trim(text, " ")
	if isNothing(id) {
		return "", ""
	}
	if !f.begun && isHeader(id) {
		problem = "reads like the header of a column: remove it; if it is a user's id, put it on a later line"
	}
	f.begun = true
	return id, firstOf(problem, lineProblem(id))
}

func (*idLines) end() string { return "" }

// isNothing reports whether a line of ids is blank or a comment.
func isNothing(trimmed string) bool {
	return trimmed == "" || trimmed[0] == '#' && !spreadsheetError.MatchString(trimmed)
}

// bansCSV is what banned --format csv prints, after its header.
type bansCSV struct{}

func (bansCSV) parse(text string) (record, problem string) {
	fields, problem := csvFields(text)
	if problem != "" {
		return "", problem
	}
	return fields[0], firstOf(printedProblem(fields[0]), untilProblem(fields[1]))
}

func (bansCSV) end() string { return "" }

// csvFields returns the two fields of a line of CSV.
func csvFields(text string) (fields []string, problem string) {
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil || len(fields) != 2 {
		return nil, "isn't two columns of CSV, as the header says: print or export the file again"
	}
	return fields, ""
}

func untilProblem(until string) string {
	if _, err := time.Parse(time.RFC3339, until); err != nil {
		return "has no time such as 2026-01-31T12:00:00Z in the column until: print it again, or keep only the ids"
	}
	return ""
}

// bansJSON is what banned --format json prints, after its first line: one object per line.
type bansJSON struct {
	last     bool // the latest object has no comma after it, so that the end must follow
	complete bool
}

func (f *bansJSON) parse(text string) (record, problem string) {
	switch {
	case f.complete:
		if strings.TrimSpace(text) == "" {
			return "", ""
		}
		return "", "follows the end of the JSON list: use one file after the other"
	case text == "]" && f.last:
		f.complete = true
		return "", ""
	case f.last:
		return "", "should end the JSON list: print it again"
	}
	object, more := strings.CutSuffix(text, ",")
	f.last = !more
	if strings.Contains(object, `"online":`) {
		return "", onlineAdvice
	}
	var ban map[string]string
	printed := ""
	if json.Unmarshal([]byte(object), &ban) == nil {
		printed = jsonRow([]string{"user", "until"}, []any{ban["user"], ban["until"]})
	}
	if printed != object {
		return "", "isn't what banned --format json prints: print it again, or write one id per line"
	}
	return ban["user"], firstOf(printedProblem(ban["user"]), untilProblem(ban["until"]))
}

func (f *bansJSON) end() string {
	if !f.complete {
		return "the JSON list has no end, so it is incomplete: print it again"
	}
	return ""
}

func firstOf(problems ...string) string {
	for _, problem := range problems {
		if problem != "" {
			return problem
		}
	}
	return ""
}
