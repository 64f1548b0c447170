package rcuser

import (
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/f0207b22/rcuser/internal/conn"
)

// stage is how far an attempt had come when its transport failed.
type stage int

const (
	notConnected stage = iota // no connection was made
	unanswered                // something may have been sent, and no byte of an answer came
	halfAnswered              // the answer broke off in its headers
)

func stageOf(connected, answered bool) stage {
	switch {
	case !connected:
		return notConnected
	case answered:
		return halfAnswered
	}
	return unanswered
}

// namedError is an error of a transport under a text that names the cause.
type namedError struct {
	text string
	err  error
}

func (e *namedError) Error() string { return e.text }

func (e *namedError) Unwrap() error { return e.err }

// nameCause gives an error of a transport a text that says what happened where its own doesn't, and takes the names and
// passwords of users out of the URLs in it.
func nameCause(err error, at stage) error {
	own := strings.TrimSpace(err.Error())
	text := withoutUserinfo(printable(own))
	switch {
	case at == notConnected && refusedByProxy(own):
		text = strings.TrimSuffix("the proxy refused CONNECT: "+text, ": ")
	case conn.Ended(err):
		text = strings.TrimSuffix(closedTexts[at]+": "+withoutEnd(text), ": ")
	case own == "" || strings.Contains(own, "%!w(<nil>)"):
		text = "the transport failed without naming a cause"
	case failedSOCKS(err):
		text = "the SOCKS proxy made no connection: " + text
	}
	if text == err.Error() {
		return err
	}
	return &namedError{text, err}
}

var closedTexts = [...]string{
	notConnected: "the connection was closed before the request could be sent",
	unanswered:   "the connection was closed before an answer came",
	halfAnswered: "the connection was closed in the middle of the answer",
}

// withoutEnd cuts off the ends of a text that only say that the connection was closed.
func withoutEnd(text string) string {
	for _, end := range closedEnds {
		text = strings.TrimSuffix(strings.TrimSuffix(text, end), ": ")
	}
	return text
}

// closedEnds are such ends in net/http's texts, in the order in which they are cut off.
var closedEnds = [...]string{
	"%!w(<nil>)", "readLoopPeekFailLocked", // net/http's text if the server sent bytes without a request
	io.ErrUnexpectedEOF.Error(), io.EOF.Error(), net.ErrClosed.Error(), "http: server closed idle connection",
	"net/http: HTTP/1.x transport connection broken",
}

// refusedByProxy recognises net/http's error for a proxy that refused CONNECT. It has no type, and its text is that of
// the status line, which may be empty.
func refusedByProxy(text string) bool {
	for status := 100; status < 600; status++ {
		if text == http.StatusText(status) {
			return true
		}
	}
	return text == "unknown status code"
}

func failedSOCKS(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == conn.SOCKSConnect
}

var (
	userinfo = regexp.MustCompile(`://[^\s"]*@`)
	unparsed = regexp.MustCompile(`(invalid proxy address|parse) ".*`)
)

// withoutUserinfo takes users and passwords out of the URLs in a text. Of a URL that couldn't be parsed nothing is left, as
// a password can be anywhere in it, and in what follows: a slash in a password makes its beginning an "invalid port".
func withoutUserinfo(text string) string {
	return userinfo.ReplaceAllString(unparsed.ReplaceAllString(text, "$1 "+redacted), "://")
}
