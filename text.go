package rcuser

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxMessage = 1 << 10 // bytes kept in Error.Message

// redacted is printed instead of a secret or a token.
const redacted = "[redacted]"

// formatText prints text as fmt would print a string with that value.
func formatText(f fmt.State, verb rune, text string) {
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), text)
}

// printable replaces line breaks and other unprintable characters that a server sent, so that a log line stays one
// line.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// truncate shortens text to at most n bytes without splitting a character. What is cut off isn't kept in memory.
func truncate(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.Clone(text[:n])
}
