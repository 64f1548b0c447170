package webhook_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestUnreadableEventOfAList checks that one bad element doesn't refuse the others, and that nothing of it is lost.
func TestUnreadableEventOfAList(t *testing.T) {
	t.Parallel()
	const noTime = `{"userid":"u2","status":"1"}`
	good, err := webhook.Decode([]byte(presenceEvent))
	require.NoError(t, err)
	for _, bad := range []string{
		noTime, `{"userid":{},"status":"0","time":1}`, `{"operateId":"o"}`, `{"userProfile":[]}`, "null", "7", `"a"`, "true", "[]", `[{"userid":"u"}]`,
	} {
		unknown := webhook.UnknownEvent{Raw: []byte(bad)}
		for body, want := range map[string][]webhook.Event{
			"[" + presenceEvent + "," + bad + "]":                                          {good[0], unknown},
			"[ " + bad + " , " + presenceEvent + " ]":                                      {unknown, good[0]},
			"[" + bad + "," + presenceEvent + "," + bad + "]":                              {unknown, good[0], unknown},
			"[" + bad + `,{"of":"the future"}]`:                                            {unknown, webhook.UnknownEvent{Raw: []byte(`{"of":"the future"}`)}},
			`{"type":"user:friendship","data":[` + bad + `,` + friendshipInEnvelope + `]}`: {unknown, friendship},
		} {
			events, err := webhook.Decode([]byte(body))
			require.NoError(t, err, body)
			require.Equal(t, want, events, body)
		}
		for _, body := range []string{"[" + bad + "]", "[" + bad + "," + bad + "]", `{"type":"user:friendship","data":[` + bad + "]}"} {
			_, err := webhook.Decode([]byte(body))
			requireReason(t, webhook.ErrBody, err) // nothing in it is readable
		}
	}
}

const friendshipInEnvelope = `{"userId":"a","toUserId":"b","operationType":4,"time":6}`

var friendship = webhook.FriendshipEvent{UserID: "a", ToUserID: "b", Change: webhook.FriendRemoved, Time: utcMillis(6)}

// TestUnreadableEventIsLogged checks that the readable events of a list are handled with one warning for the request, which
// names the first invalid field and has no data of users.
func TestUnreadableEventIsLogged(t *testing.T) {
	t.Parallel()
	for _, queue := range []int{0, 10} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t, withQueue(queue, 0))
			body := "[" + strings.Repeat(`{"userid":"secret-user","status":"0"},`, 3) + presenceEvent + "]"
			require.Equal(t, answers.ok, receiver.serve(newRequest(signedQuery(testNonce, startTime), body)))
			time.Sleep(time.Second)
			require.Len(t, receiver.dispatched(), 4)
			log := receiver.log.String()
			require.Equal(t, 1, strings.Count(log, "\n"), log)
			require.Contains(t, log, `"level":"WARN"`)
			require.Contains(t, log, `"msg":"webhook: 3 of 4 events are unreadable, handled as UnknownEvent","reason":"time: is missing or empty"`)
			require.NotContains(t, log, "secret-user")
		})
	}
}

// TestByteOrderMark checks that a byte order mark before JSON or a form is skipped, but only one, and only at the beginning.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	const bom = "\ufeff"
	for _, tc := range decodeCases {
		events, err := webhook.Decode([]byte(bom + tc.body))
		require.NoError(t, err, tc.name)
		require.Equal(t, tc.want, events, tc.name)
	}
	for _, body := range []string{bom, bom + bom + presenceEvent, presenceEvent + bom, "[" + bom + presenceEvent + "]", " " + bom + presenceEvent, bom + "hello"} {
		_, err := webhook.Decode([]byte(body))
		requireReason(t, webhook.ErrBody, err)
	}
}

// notEvents are bodies that are neither JSON nor a form.
func notEvents() map[string]string {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(presenceEvent))
	_ = w.Close()
	wide := func(text string, high, low int) string {
		var b strings.Builder
		for _, unit := range utf16.Encode([]rune(text)) {
			b.WriteByte(byte(unit >> high))
			b.WriteByte(byte(unit >> low))
		}
		return b.String()
	}
	form := "userId=uid1&operateId=C70B&type=0&code=0&time=1730192400000"
	bodies := map[string]string{
		"html": "<html>", "html with attributes": `<html lang="en"><a href="/x?a=1&b=2">`, "an error page": "502 Bad Gateway", "a word": "hello", "a sign": "=", "signs": "=&=",
		"only names": "a&b", "a name": "a=", "gzip": zipped.String(), "UTF-16 with a mark": "\xff\xfe" + wide(presenceEvent, 0, 8), "UTF-16 BE with a mark": "\xfe\xff" + wide(presenceEvent, 8, 0),
		"UTF-16": wide(presenceEvent, 0, 8), "UTF-16 BE": wide(presenceEvent, 8, 0), "a form in UTF-16": wide(form, 0, 8), "a form in UTF-16 BE": wide(form, 8, 0),
		"JSON after something": "x" + presenceEvent, "JSON after a guard": ")]}',\n" + presenceEvent, "JSON after a name": `callback=` + presenceEvent, "JSON before something": presenceEvent + "x",
		"two of JSON": presenceEvent + "\n" + presenceEvent, "JSON in JSON": fmt.Sprintf("%q", presenceEvent), "a string": `"a=b"`, "a number": "7", "null": "null", "true": "true", "NaN": "NaN",
		"lines of a log": "time=1 level=INFO msg=hello", "multipart": "--b\r\nContent-Disposition: form-data; name=userId\r\n\r\nuid1\r\n--b--", "a query string with spaces": "a=b c",
		"an escaped form": strings.NewReplacer("=", "%3D", "&", "%26").Replace(form), "two signs": "a==b", "a form before something": "groupId=g1&<br>", "a long name": strings.Repeat("n", 65) + "=1",
		"XML": `<?xml version="1.0"?><e userId="uid1"/>`, "YAML": "userid: u1\nstatus: 0\n", "JSON with comments": "// c\n" + presenceEvent, "percent": "%", "a null byte": "\x00", "a cookie": "a=b; c=d",
	}
	for n := range 4 { // with every padding
		bodies[fmt.Sprint("base64 ", n)] = base64.StdEncoding.EncodeToString([]byte(presenceEvent[:40+n]))
	}
	return bodies
}

// TestNeitherJSONNorForm checks that such a body is refused, so that RC sends it again, and not taken for an unknown event,
// answered 200 and lost.
func TestNeitherJSONNorForm(t *testing.T) {
	t.Parallel()
	for name, body := range notEvents() {
		events, err := webhook.Decode([]byte(body))
		require.Error(t, err, "%s: %q became %v", name, body, events)
		requireReason(t, webhook.ErrBody, err)
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t)
			query := signedQuery(testNonce, startTime)
			require.Equal(t, answers.body, receiver.serve(newRequest(query, body)), name)
			require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)), "RC sends it again")
			require.Len(t, receiver.dispatched(), 1)
		})
	}
}

// TestUnknownForms checks that forms of kinds that this package doesn't know are accepted, as several encoders write them.
func TestUnknownForms(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"a=b", "a=b&c=", "fromUserId=a&toUserId=b&content=%7B%22a%22%3A%22b%3Dc%22%7D", "a=b+c", "a%5B%5D=1&a%5B%5D=2", "a[]=1", "a.b=1&c-d=2&_e=3", "time=1730192400000\r\n",
		"url=http://x/y?z", "name=李雷", "content=%ff%fe", "e=a@b.c", "note=it's(ok)!*~,", "a=b&", "&&a=b",
	} {
		events, err := webhook.Decode([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, []webhook.Event{webhook.UnknownEvent{Raw: []byte(body)}}, events)
	}
}

// TestSloppyFormOfAKnownKind checks that the strict rules for unknown forms don't refuse an event that shows what it is.
func TestSloppyFormOfAKnownKind(t *testing.T) {
	t.Parallel()
	events, err := webhook.Decode([]byte(`userId=uid1&time=1&userProfile={"a":"b = c"}&note=<b>`))
	require.NoError(t, err)
	require.Equal(t, []webhook.Event{webhook.ProfileEvent{UserID: "uid1", Change: webhook.ProfileModified, Time: utcMillis(1), Profile: []byte(`{"a":"b = c"}`)}}, events)
}

// TestLineEndAfterAForm checks that it isn't taken for a part of the last value, whichever that is.
func TestLineEndAfterAForm(t *testing.T) {
	t.Parallel()
	want := []webhook.Event{webhook.PresenceEvent{UserID: "u1", Status: webhook.Online, Time: utcMillis(1)}}
	for _, body := range []string{"status=0&time=1&userid=u1\r\n", "userid=u1&status=0&time=1\n", "\ufeffuserid=u1&time=1&status=0\n\n"} {
		events, err := webhook.Decode([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, want, events, body)
	}
	events, err := webhook.Decode([]byte("status=0&time=1&userid=u1%0D%0A"))
	require.NoError(t, err)
	require.Equal(t, "u1\r\n", events[0].(webhook.PresenceEvent).UserID, "an encoded one is a part of the value")
}
