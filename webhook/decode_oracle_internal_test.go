package webhook

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzDecodeOracle compares decode with a decoder that leaves all of JSON to encoding/json: the same events, the same number
// of unreadable ones, and the same first invalid field.
func FuzzDecodeOracle(f *testing.F) {
	for _, body := range []string{
		`[{"userid":"1103863","status":"1","os":"iOS","time":1571130409553,"clientIp":"180.108.223.44:52229"},{"userid":1},null,{}]`,
		` { "user\u0069d" : "\ud83d\ude00\\\"" , "status" : -0.5e+3 , "time" : "1" , "x" : [ { "]" : "}" } , [ ] ] , "os":null,"userid":"b" } `,
		`{"type":"user:connection_status","time":"7","data":[{"userId":"a","status":"0"},{"userId":"a","status":true,"time":1},3]}`,
		`{"type":"user:profile_update","data":[{"operatorId":"a","time":2,"userProfile":"{\"a\":1}","userMetaData":{ "b":[1,2] }}]}`,
		`{"type":"user:friendship","time":1,"data":[]}`, `{"type":"user:activation_state","time":1,"data":[[]]}`,
		`{"userId":"a","eventType":1,"toUserId":"b","time":1,"extra":"\ud800x"}`, `{"userId":"a","type":"0","time":5,"type":0}`,
		`{"userId":"u","operateId":"o","type":1,"code":0,"time":281474976710657}`, `{"userId":"a","time":1,"userProfile":" {} ","userExtProfile":"null"}`,
		"[[[[{}]]]]", `{"":""}`, "[1,2", `[{"a":1},]`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		content := bytes.TrimLeft(body, " \t\r\n")
		if len(content) == 0 || content[0] != '{' && content[0] != '[' || !utf8.Valid(body) {
			return
		}
		got, err := decode(body)
		var want oracleResult
		want.decode(content)
		if (err != nil) != want.refused() {
			t.Fatalf("%q: %v, want %+v", body, err, want)
		}
		if err != nil {
			if failure := err.(*Error); failure.Name != want.firstBad && !want.malformed { //nolint:errorlint // always this type
				t.Fatalf("%q: %v, want %+v", body, err, want)
			}
			return
		}
		if got.unreadable != want.unreadable || len(got.events) != len(want.events) || len(got.events) > 0 && !reflect.DeepEqual(got.events, want.events) {
			t.Fatalf("%q: %+v, want %+v", body, got, want)
		}
	})
}

type oracleResult struct {
	events     []Event
	unreadable int
	firstBad   string // field
	malformed  bool
}

func (r *oracleResult) refused() bool {
	return r.malformed || len(r.events) > maxEvents || r.unreadable > 0 && r.unreadable == len(r.events)
}

func (r *oracleResult) decode(body []byte) {
	if body[0] == '[' {
		r.list(body, "", 0)
		return
	}
	var o map[string]json.RawMessage
	if r.malformed = json.Unmarshal(body, &o) != nil; r.malformed {
		return
	}
	var eventType string
	known := map[string]bool{"user:connection_status": true, "user:activation_state": true, "user:profile_update": true, "user:friendship": true}
	if data := o["data"]; json.Unmarshal(o["type"], &eventType) == nil && o["type"][0] == '"' && len(data) > 0 && data[0] == '[' {
		if !known[eventType] {
			r.events = []Event{UnknownEvent{body}}
			return
		}
		outer := oracleReader{o: o}
		sentAt := outer.time()
		r.list(data, eventType, sentAt)
		return
	}
	r.add(body, "", 0)
}

func (r *oracleResult) list(list []byte, eventType string, sentAt int64) {
	var elements []json.RawMessage
	if r.malformed = json.Unmarshal(list, &elements) != nil; r.malformed {
		return
	}
	for _, raw := range elements {
		r.add(raw, eventType, sentAt)
	}
}

func (r *oracleResult) add(raw []byte, eventType string, sentAt int64) {
	read := oracleReader{sentAt: sentAt}
	e := Event(UnknownEvent{raw})
	bad := json.Unmarshal(raw, &read.o) != nil || read.o == nil
	if !bad {
		if known := read.event(eventType); known != nil && !read.failed {
			e = known
		}
	}
	if bad || read.failed {
		if r.unreadable == 0 {
			r.firstBad = read.bad
		}
		r.unreadable++
	}
	r.events = append(r.events, e)
}

type oracleReader struct {
	o      map[string]json.RawMessage
	sentAt int64
	failed bool
	bad    string
}

func (r *oracleReader) fail(name string) {
	if !r.failed {
		r.failed, r.bad = true, name
	}
}

func (r *oracleReader) has(names ...string) bool {
	for _, name := range names {
		if raw, ok := r.o[name]; !ok || string(raw) == "null" {
			return false
		}
	}
	return true
}

// text returns a string, or a number as it is written.
func (r *oracleReader) text(name string, required bool) string {
	var text string
	var number json.Number
	switch raw := r.o[name]; {
	case !r.has(name):
	case raw[0] == '"' && json.Unmarshal(raw, &text) == nil:
	case raw[0] != '"' && json.Unmarshal(raw, &number) == nil:
		text = string(number)
	default:
		r.fail(name)
	}
	if required && text == "" {
		r.fail(name)
	}
	return text
}

func (r *oracleReader) need(name string) string { return r.text(name, true) }

func (r *oracleReader) may(name string) string { return r.text(name, false) }

func (r *oracleReader) time() int64 {
	if !r.has("time") && r.sentAt != 0 {
		return r.sentAt
	}
	n, err := strconv.ParseInt(r.need("time"), 10, 64)
	if err != nil || n <= 0 || n > 1<<48 {
		r.fail("time")
		return 0
	}
	return n
}

func (r *oracleReader) at() time.Time { return time.UnixMilli(r.time()).UTC() }

func (r *oracleReader) object(name string) json.RawMessage {
	raw := r.o[name]
	if !r.has(name) {
		return nil
	}
	if raw[0] != '{' && raw[0] != '[' && raw[0] != 't' && raw[0] != 'f' {
		if raw = []byte(r.may(name)); len(raw) == 0 {
			return nil
		}
	}
	var o map[string]json.RawMessage
	if json.Unmarshal(raw, &o) != nil || o == nil {
		r.fail(name)
		return nil
	}
	return raw
}

func (r *oracleReader) event(eventType string) Event {
	cleared := len(r.o) == 3 && r.has("userId", "time", "type") && (string(r.o["type"]) == "0" || string(r.o["type"]) == `"0"` || r.isZero("type"))
	switch {
	case eventType == "user:connection_status":
		return r.presence("userId")
	case eventType == "user:activation_state":
		return DeactivationEvent{r.need("userId"), r.need("operateId"), OperationType(r.need("operationType")), r.need("code"), r.at()}
	case eventType == "user:profile_update":
		return r.profile("operatorId", "operationType", "userMetaData")
	case eventType == "user:friendship":
		return FriendshipEvent{r.need("userId"), r.need("toUserId"), FriendshipChange(r.need("operationType")), r.may("os"), r.may("extra"), r.at()}
	case r.has("operateId"):
		return DeactivationEvent{r.need("userId"), r.need("operateId"), OperationType(r.need("type")), r.need("code"), r.at()}
	case r.has("userid", "status"):
		return r.presence("userid")
	case r.has("eventType", "toUserId"):
		return FriendshipEvent{r.need("userId"), r.need("toUserId"), FriendshipChange(r.need("eventType")), r.may("source"), r.may("extra"), r.at()}
	case r.has("userProfile") || r.has("userExtProfile") || cleared:
		return r.profile("userId", "type", "userExtProfile")
	}
	return nil
}

// isZero recognizes "0" written with escapes.
func (r *oracleReader) isZero(name string) bool {
	var text string
	return json.Unmarshal(r.o[name], &text) == nil && text == "0"
}

func (r *oracleReader) presence(user string) Event {
	return PresenceEvent{r.need(user), Status(r.need("status")), r.may("os"), r.at(), r.may("clientIp"), r.may("sessionId")}
}

func (r *oracleReader) profile(user, change, ext string) Event {
	e := ProfileEvent{r.need(user), ProfileChange(r.may(change)), r.at(), r.object("userProfile"), r.object(ext)}
	if e.Change == "" {
		e.Change = ProfileModified
	}
	return e
}
