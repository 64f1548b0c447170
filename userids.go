package rcuser

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxIDBytes = 64
	maxIDs     = 20 // a call, for most endpoints
)

// checkIDs accepts 1 to limit ids.
func checkIDs(name string, ids []string, limit int) error {
	switch {
	case len(ids) == 0:
		return argumentErrorf(name, "no ids, at least 1 is needed")
	case len(ids) > limit:
		return argumentErrorf(name, "%d ids, at most %d are allowed", len(ids), limit)
	}
	for i, id := range ids {
		if problem := idProblem(id); problem != "" {
			return &ArgumentError{fmt.Sprintf("%s[%d]", name, i), problem}
		}
	}
	return nil
}

func checkID(name, id string) error {
	if problem := idProblem(id); problem != "" {
		return &ArgumentError{name, problem}
	}
	return nil
}

// idProblem says why an id can't be sent, or returns "". It doesn't check the alphabet, because RC's pages disagree on
// it: the current ones name letters and digits, older ones also + = - and _.
func idProblem(id string) string {
	switch {
	case id == "":
		return "is empty"
	case len(id) > maxIDBytes:
		return fmt.Sprintf("%d bytes, at most %d are allowed", len(id), maxIDBytes)
	case !utf8.ValidString(id):
		return "is not valid UTF-8"
	}
	for _, r := range id {
		if unicode.IsControl(r) {
			return "holds a control character"
		}
	}
	return ""
}

// joinedIDProblem is idProblem for the endpoints that take ids joined with commas.
func joinedIDProblem(id string) string {
	if strings.Contains(id, ",") {
		return "holds a comma, which RC would read as a separator between ids"
	}
	return idProblem(id)
}
