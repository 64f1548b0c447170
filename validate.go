package rcuser

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// RC's limits.
const (
	maxIDBytes         = 64
	maxIDs             = 20  // of most calls
	maxJoinedIDs       = 100 // of those that join them with commas
	maxNameCharacters  = 64
	maxPortraitBytes   = 1024
	minBan             = time.Minute
	maxBan             = 30 * 24 * time.Hour
	maxListPage        = 1000
	maxDeactivatedPage = 50
)

func argumentErrorf(name, format string, args ...any) *ArgumentError {
	return &ArgumentError{name, fmt.Sprintf(format, args...)}
}

// checkIDs allows 1 to most ids.
func checkIDs(name string, ids []string, most int) error {
	switch {
	case len(ids) == 0:
		return argumentErrorf(name, "no ids, at least 1 is needed")
	case len(ids) > most:
		return argumentErrorf(name, "%d ids, at most %d are allowed", len(ids), most)
	}
	for i, id := range ids {
		if reason := idFault(id); reason != "" {
			return &ArgumentError{fmt.Sprintf("%s[%d]", name, i), reason}
		}
	}
	return nil
}

// checkJoinedIDs is checkIDs for the endpoints that join ids with commas.
func checkJoinedIDs(name string, ids []string) error {
	if err := checkIDs(name, ids, maxJoinedIDs); err != nil {
		return err
	}
	for i, id := range ids {
		if reason := joinedIDFault(id); reason != "" {
			return &ArgumentError{fmt.Sprintf("%s[%d]", name, i), reason}
		}
	}
	return nil
}

func joinedIDFault(id string) string {
	if strings.Contains(id, ",") {
		return "holds a comma, which RC would take as the end of an id here"
	}
	return idFault(id)
}

func checkID(name, id string) error {
	if reason := idFault(id); reason != "" {
		return &ArgumentError{name, reason}
	}
	return nil
}

// idFault leaves the alphabet to RC: its documentation has named two.
func idFault(id string) string {
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

func checkName(name, value string) error {
	switch n := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value):
		return &ArgumentError{name, "is not valid UTF-8"}
	case n > maxNameCharacters:
		return argumentErrorf(name, "%d characters, at most %d are allowed", n, maxNameCharacters)
	}
	return nil
}

func checkPortraitURI(name, value string) error {
	switch {
	case !utf8.ValidString(value):
		return &ArgumentError{name, "is not valid UTF-8"}
	case len(value) > maxPortraitBytes:
		return argumentErrorf(name, "%d bytes, at most %d are allowed", len(value), maxPortraitBytes)
	}
	return nil
}

// isHeaderText reports whether text can stand in a header.
func isHeaderText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}
