package rctest

import (
	"bytes"
	"mime"
	"net/url"
	"strings"
)

const (
	formMediaType = "application/x-www-form-urlencoded"
	byteOrderMark = "\ufeff"
)

// parseForm parses a form as the URL standard defines it: unlike for url.ParseQuery, an unescaped semicolon is an ordinary
// character.
func parseForm(body string) (url.Values, error) {
	form, err := url.ParseQuery(strings.ReplaceAll(body, ";", "%3B"))
	if err != nil {
		return nil, err
	}
	return form, nil
}

// formSize returns how many bytes the text has that the form was parsed from, which its fields may refer to: parseForm writes
// three for a semicolon.
func (in *received) formSize() int { return in.size + 2*bytes.Count(in.body.content, []byte(";")) }

// formUserIDs returns those of the wanted ids that a form has in its fields for user ids: userId, blackUserId and
// whiteUserId. joined says that commas separate ids. Its result is no larger than wanted, since the sender may be unknown.
func formUserIDs(form string, wanted map[string]bool, joined bool) map[string]bool {
	found := make(map[string]bool)
	add := func(id string) {
		if wanted[id] {
			found[id] = true
		}
	}
	for pair := range strings.SplitSeq(form, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || !strings.HasSuffix(strings.ToLower(name), "userid") {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil {
			continue
		}
		if !joined {
			add(value)
			continue
		}
		for id := range strings.SplitSeq(value, ",") {
			add(id)
		}
	}
	return found
}

// isForm reports whether the Content-Type is a form's. Unless strict, it may be missing, and its parameters don't matter,
// not even if they can't be parsed.
func (in *received) isForm(strict bool) bool {
	given := in.header.Get("Content-Type")
	if !strict {
		media, _, _ := strings.Cut(given, ";")
		media = strings.TrimSpace(media)
		return media == "" || strings.EqualFold(media, formMediaType)
	}
	media, parameters, err := mime.ParseMediaType(given)
	charset, hasCharset := parameters["charset"]
	return err == nil && media == formMediaType && (!hasCharset || strings.EqualFold(charset, "utf-8"))
}

// checkForm checks the body, and what describes it, before the fields are read.
func (s *Server) checkForm(in *received) *refusal {
	id := in.header.Get("X-Request-ID")
	strict := s.settings.strict
	switch {
	case strict && len(id) > maxRequestID:
		return refuse(codeTooLong, "X-Request-ID is longer than %d characters", maxRequestID)
	case in.bodyErr != nil:
		return refuse(codeNoData, "the body can't be read: %v", in.bodyErr)
	case in.size > maxBody:
		return refuse(codeTooLong, "the body is larger than %d bytes", maxBody)
	case !in.isForm(strict) && (in.size > 0 || strict):
		return refuse(codeNoData, "the Content-Type must be %s", formMediaType)
	case in.formErr != nil:
		return refuse(codeParameter, "the body is not a form: %v", in.formErr)
	case strict && in.looseForm() != "":
		return refuse(codeParameter, "the body %s", in.looseForm())
	case len(in.form) == 0 && !in.endpoint.allowEmpty:
		return refuse(codeNoData, "no POST data")
	}
	return nil
}

// looseForm returns what in the body of a form no encoder of forms writes, or "".
func (in *received) looseForm() string {
	content := string(in.body.content)
	switch {
	case in.bom:
		return "begins with a byte order mark"
	case strings.ContainsFunc(content, func(r rune) bool { return r >= 0x80 }):
		return "has characters outside of ASCII that aren't escaped"
	case strings.Contains(content, ";"):
		return "has a semicolon that isn't escaped"
	case content != "" && strings.Contains("&"+content+"&", "&&"):
		return "has an empty parameter"
	}
	return ""
}
