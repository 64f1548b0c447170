package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxNameCharacters = 64 // RC's limit

// nameProblem says what is wrong with a user's name, or "". Names are shown next to other text by pages, logs and push
// notifications: a control character or a line break can forge what stands around the name, and an embedding, an override
// or an isolate of the bidirectional algorithm reorders it. Everything that writing a language needs is allowed: marks of
// direction and joiners too.
func nameProblem(name string) string {
	switch n := utf8.RuneCountInString(name); {
	case n == 0 || n > maxNameCharacters:
		return fmt.Sprintf("must have 1 to %d characters, it has %d", maxNameCharacters, n)
	case !strings.ContainsFunc(name, isVisible):
		return "must have a visible character"
	}
	if at := strings.IndexFunc(name, isForbidden); at >= 0 {
		r, _ := utf8.DecodeRuneInString(name[at:])
		return fmt.Sprintf("must not have the character %U: control characters, line breaks, and characters that reorder the text around them are refused", r)
	}
	return ""
}

const brailleBlank = '\u2800' // a symbol of braille, but without a dot

// isVisible is true for what leaves ink: spaces and characters without a width don't.
func isVisible(r rune) bool {
	return unicode.IsGraphic(r) && r != brailleBlank && !unicode.IsSpace(r) && !unicode.IsMark(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

func isForbidden(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return true
	case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return false
}
