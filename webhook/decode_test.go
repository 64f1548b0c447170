package webhook_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

func utcMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// decodeCases are bodies from RC's documentation and variants that it allows, with their events.
var decodeCases = []struct {
	name, body string
	want       []webhook.Event
}{
	{
		"presence, a list", // recorded
		`[{"userid":"1103863","status":"1","os":"iOS","time":1571130409553,"clientIp":"180.108.223.44:52229"},` +
			`{"userid":"1103863","status":"0","os":"iOS","time":1571130409590,"clientIp":"180.108.223.44:52231"}]`,
		[]webhook.Event{
			webhook.PresenceEvent{UserID: "1103863", Status: webhook.Offline, OS: "iOS", Time: utcMillis(1571130409553), ClientIP: "180.108.223.44:52229"},
			webhook.PresenceEvent{UserID: "1103863", Status: webhook.Online, OS: "iOS", Time: utcMillis(1571130409590), ClientIP: "180.108.223.44:52231"},
		},
	},
	{
		"presence, an object with everything", `{"userid":"u1","status":"2","os":"PC","time":1571130409553,"clientIp":"1.2.3.4:5","sessionId":"s","new":[1]}`,
		[]webhook.Event{webhook.PresenceEvent{UserID: "u1", Status: webhook.LoggedOut, OS: "PC", Time: utcMillis(1571130409553), ClientIP: "1.2.3.4:5", SessionID: "s"}},
	},
	{
		"numbers for strings, strings for numbers", `{"userid":18446744073709551617,"status":0,"os":null,"time":"1571130409553","sessionId":7}`,
		[]webhook.Event{webhook.PresenceEvent{UserID: "18446744073709551617", Status: webhook.Online, Time: utcMillis(1571130409553), SessionID: "7"}},
	},
	{
		"presence, a form", "userid=u%2B1&status=1&os=iOS&time=1571130409553",
		[]webhook.Event{webhook.PresenceEvent{UserID: "u+1", Status: webhook.Offline, OS: "iOS", Time: utcMillis(1571130409553)}},
	},
	{
		"a status of the future, white space", " \r\n\t{ \"userid\" : \"李雷🎉\" , \"status\" : \"9\" , \"time\" : 1 } \n",
		[]webhook.Event{webhook.PresenceEvent{UserID: "李雷🎉", Status: "9", Time: utcMillis(1)}},
	},
	{
		"deactivation", "userId=uid1&operateId=C70B-B1D6-82E8-5SBO&type=0&code=0&time=1730192400000",
		[]webhook.Event{webhook.DeactivationEvent{UserID: "uid1", OperationID: "C70B-B1D6-82E8-5SBO", Type: webhook.Deactivation, Code: webhook.CodeDone, Time: utcMillis(1730192400000)}},
	},
	{
		"reactivation that failed, JSON", `{"userId":"uid1","operateId":"C70B-B1D6-82E8-5SBO","type":1,"code":"1004","time":1730192400000}`,
		[]webhook.Event{webhook.DeactivationEvent{UserID: "uid1", OperationID: "C70B-B1D6-82E8-5SBO", Type: webhook.Reactivation, Code: "1004", Time: utcMillis(1730192400000)}},
	},
	{
		"profile", `{"userId":"uid1","time":1574476797772,"userProfile":{"uniqueId":"testAppName","level":2},"userExtProfile":{"ext_Profile":"testExt"}}`,
		[]webhook.Event{webhook.ProfileEvent{
			UserID: "uid1", Change: webhook.ProfileModified, Time: utcMillis(1574476797772),
			Profile: json.RawMessage(`{"uniqueId":"testAppName","level":2}`), ExtProfile: json.RawMessage(`{"ext_Profile":"testExt"}`),
		}},
	},
	{
		"profile, a form with JSON inside", "userId=uid1&type=1&time=1574476797772&userProfile=%7B%22level%22%3A2%7D&userExtProfile=",
		[]webhook.Event{webhook.ProfileEvent{UserID: "uid1", Change: webhook.ProfileModified, Time: utcMillis(1574476797772), Profile: json.RawMessage(`{"level":2}`)}},
	},
	{
		"profile, JSON with JSON inside", `{"userId":"uid1","type":"1","time":1574476797772,"userProfile":null,"userExtProfile":"{\"ext_a\":\"\\u674e\"}"}`,
		[]webhook.Event{webhook.ProfileEvent{UserID: "uid1", Change: webhook.ProfileModified, Time: utcMillis(1574476797772), ExtProfile: json.RawMessage(`{"ext_a":"\u674e"}`)}},
	},
	{
		"profile cleared", `{"userId":"uid1","type":0,"time":1574476797772}`,
		[]webhook.Event{webhook.ProfileEvent{UserID: "uid1", Change: webhook.ProfileCleared, Time: utcMillis(1574476797772)}},
	},
	{
		"profile cleared, a form", `userId=uid1&type=0&time=1574476797772`,
		[]webhook.Event{webhook.ProfileEvent{UserID: "uid1", Change: webhook.ProfileCleared, Time: utcMillis(1574476797772)}},
	},
	{
		"more than a cleared profile has", `{"userId":"uid1","type":0,"time":1574476797772,"room":"r"}`,
		[]webhook.Event{webhook.UnknownEvent{Raw: []byte(`{"userId":"uid1","type":0,"time":1574476797772,"room":"r"}`)}},
	},
	{
		"friendship", `{"userId":"userId11","eventType":3,"toUserId":"toUserId22","source":"Android","extra":"XXXXXX","time":1774363668900}`,
		[]webhook.Event{webhook.FriendshipEvent{
			UserID: "userId11", ToUserID: "toUserId22", Change: webhook.FriendRejected, Source: "Android", Extra: "XXXXXX", Time: utcMillis(1774363668900),
		}},
	},
	{
		"two kinds in a list", `[{"userid":"u1","status":"0","time":1},{"a":1},{"userId":"a","eventType":"5","toUserId":"b","time":"2"}]`,
		[]webhook.Event{
			webhook.PresenceEvent{UserID: "u1", Status: webhook.Online, Time: utcMillis(1)},
			webhook.UnknownEvent{Raw: []byte(`{"a":1}`)},
			webhook.FriendshipEvent{UserID: "a", ToUserID: "b", Change: webhook.FriendAddedByServer, Time: utcMillis(2)},
		},
	},
	{
		"envelope, activation", `{"type":"user:activation_state","id":"550e8400-e29b-41d4-a716-446655440002","time":1730192400000,"data":[` +
			`{"userId":"user_001","operateId":"op_20241029_001","operationType":0,"code":"0","time":1730192400000}]}`,
		[]webhook.Event{webhook.DeactivationEvent{UserID: "user_001", OperationID: "op_20241029_001", Type: webhook.Deactivation, Code: "0", Time: utcMillis(1730192400000)}},
	},
	{
		"envelope, presence, the first without a time", `{"type":"user:connection_status","id":"x","time":"1730192400000","data":[` +
			`{"userId":"u1","status":"0","os":"PC","clientIp":"1.2.3.4:5","sessionId":"s"},{"userId":"u2","status":1,"time":1730192400001}]}`,
		[]webhook.Event{
			webhook.PresenceEvent{UserID: "u1", Status: webhook.Online, OS: "PC", ClientIP: "1.2.3.4:5", SessionID: "s", Time: utcMillis(1730192400000)},
			webhook.PresenceEvent{UserID: "u2", Status: webhook.Offline, Time: utcMillis(1730192400001)},
		},
	},
	{
		"envelope, profile", `{"type":"user:profile_update","time":5,"data":[{"operatorId":"admin","operationType":"0","userProfile":{"a":1},"userMetaData":{"b":2}}]}`,
		[]webhook.Event{webhook.ProfileEvent{
			UserID: "admin", Change: webhook.ProfileCleared, Time: utcMillis(5), Profile: json.RawMessage(`{"a":1}`), ExtProfile: json.RawMessage(`{"b":2}`),
		}},
	},
	{
		"envelope, friendship", `{"type":"user:friendship","time":5,"data":[{"userId":"a","toUserId":"b","operationType":4,"os":"iOS","extra":"e","time":6}]}`,
		[]webhook.Event{webhook.FriendshipEvent{UserID: "a", ToUserID: "b", Change: webhook.FriendRemoved, Source: "iOS", Extra: "e", Time: utcMillis(6)}},
	},
	{
		"envelope whose time can't be read, an event with its own", `{"type":"user:connection_status","time":"x","data":[{"userId":"a","status":"0","time":1}]}`,
		[]webhook.Event{webhook.PresenceEvent{UserID: "a", Status: webhook.Online, Time: utcMillis(1)}},
	},
	{"envelope, nothing in it", `{"type":"user:friendship","time":"never","data":[]}`, []webhook.Event{}},
	{"an empty list", `[]`, []webhook.Event{}},
	{"an empty object", `{}`, []webhook.Event{webhook.UnknownEvent{Raw: []byte(`{}`)}}},
	{
		"envelope of the future", `{"type":"user:born","time":1,"data":[{"userid":"u1","status":"0","time":1}]}`,
		[]webhook.Event{webhook.UnknownEvent{Raw: []byte(`{"type":"user:born","time":1,"data":[{"userid":"u1","status":"0","time":1}]}`)}},
	},
	{"another event's form", "fromUserId=a&toUserId=b&content=%7B%7D", []webhook.Event{webhook.UnknownEvent{Raw: []byte("fromUserId=a&toUserId=b&content=%7B%7D")}}},
	{"another event's form with a repeated field", "groupId=g1&groupId=g2", []webhook.Event{webhook.UnknownEvent{Raw: []byte("groupId=g1&groupId=g2")}}},
	{"another event's form with bytes", "content=%ff%fe", []webhook.Event{webhook.UnknownEvent{Raw: []byte("content=%ff%fe")}}},
	{"names in another case", `{"USERID":"u1","STATUS":"0","TIME":1}`, []webhook.Event{webhook.UnknownEvent{Raw: []byte(`{"USERID":"u1","STATUS":"0","TIME":1}`)}}},
	{"userId isn't userid", `{"userId":"u1","status":"0","time":1}`, []webhook.Event{webhook.UnknownEvent{Raw: []byte(`{"userId":"u1","status":"0","time":1}`)}}},
	{"the last time there is", `{"userid":"u1","status":"0","time":281474976710656}`, []webhook.Event{webhook.PresenceEvent{UserID: "u1", Status: "0", Time: utcMillis(1 << 48)}}},
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, tc := range decodeCases {
		body := []byte(tc.body)
		events, err := webhook.Decode(body)
		require.NoError(t, err, tc.name)
		for i := range body { // the events must not alias the body
			body[i] = 'x'
		}
		require.Equal(t, tc.want, events, tc.name)
	}
}

// TestDecodeInvalidFields checks that a body without a readable event is refused, and that the error names the first missing
// or invalid field.
func TestDecodeInvalidFields(t *testing.T) {
	t.Parallel()
	const long = "99999999999999999999"
	for _, tc := range []struct{ body, field string }{
		{`{"userid":"","status":"0","time":1}`, "userid"},
		{`{"userid":{},"status":"0","time":1}`, "userid"},
		{`{"userid":true,"status":"0","time":1}`, "userid"},
		{`{"userid":"u1","status":"","time":1}`, "status"},
		{`{"userid":"u1","status":["0"],"time":1}`, "status"},
		{`{"userid":"u1","status":"0"}`, "time"},
		{`{"userid":"u1","status":"0","time":null}`, "time"},
		{`{"userid":"u1","status":"0","time":""}`, "time"},
		{`{"userid":"u1","status":"0","time":0}`, "time"},
		{`{"userid":"u1","status":"0","time":-1571130409553}`, "time"},
		{`{"userid":"u1","status":"0","time":1.5}`, "time"},
		{`{"userid":"u1","status":"0","time":1e12}`, "time"},
		{`{"userid":"u1","status":"0","time":281474976710657}`, "time"},
		{`{"userid":"u1","status":"0","time":` + long + `}`, "time"},
		{`{"userid":"u1","status":"0","time":"soon"}`, "time"},
		{`{"userid":"u1","status":"0","time":[1]}`, "time"},
		{`{"userid":"u1","status":"0","time":1,"os":{}}`, "os"},
		{`{"userid":"u1","status":"0","time":1,"clientIp":false}`, "clientIp"},
		{`{"userid":"u1","status":"0","time":1,"sessionId":[]}`, "sessionId"},
		{`[{"userid":"u1","status":"0"},{"userid":"","status":"0","time":1}]`, "time"},
		{"operateId=1&type=0&code=0&time=1", "userId"},
		{"userId=1&operateId=&type=0&code=0&time=1", "operateId"},
		{"userId=1&operateId=1&code=0&time=1", "type"},
		{"userId=1&operateId=1&type=0&time=1", "code"},
		{"userId=1&operateId=1&type=0&code=0", "time"},
		{"userId=1&operateId=1&type=0&code=0&time=1&time=1", "time"},
		{"userId=1&userId=2&operateId=1&type=0&code=0&time=1", "userId"},
		{"userId=%ff&operateId=1&type=0&code=0&time=1", "userId"},
		{`{"time":1,"userProfile":{}}`, "userId"},
		{`{"userId":"1","userProfile":{}}`, "time"},
		{`{"userId":"1","time":1,"userProfile":[]}`, "userProfile"},
		{`{"userId":"1","time":1,"userProfile":7}`, "userProfile"},
		{`{"userId":"1","time":1,"userProfile":"null"}`, "userProfile"},
		{`{"userId":"1","time":1,"userExtProfile":"{"}`, "userExtProfile"},
		{`{"userId":"1","time":1,"userProfile":{},"type":{}}`, "type"},
		{`{"eventType":1,"toUserId":"b","time":1}`, "userId"},
		{`{"userId":"a","eventType":"","toUserId":"b","time":1}`, "eventType"},
		{`{"userId":"a","eventType":1,"toUserId":"","time":1}`, "toUserId"},
		{`{"userId":"a","eventType":1,"toUserId":"b","extra":{},"time":1}`, "extra"},
		{`{"type":"user:connection_status","data":[{"userId":"a","status":"0"}]}`, "time"},
		{`{"type":"user:connection_status","time":"x","data":[{"userId":"a","status":"0"}]}`, "time"},
		{`{"type":"user:connection_status","time":1,"data":[{"userid":"a","status":"0"}]}`, "userId"},
		{`{"type":"user:activation_state","time":1,"data":[{"userId":"a","operateId":"1","type":0,"code":"0"}]}`, "operationType"},
		{`{"type":"user:profile_update","time":1,"data":[{"userId":"a"}]}`, "operatorId"},
		{`{"type":"user:friendship","time":1,"data":[null]}`, ""},
	} {
		events, err := webhook.Decode([]byte(tc.body))
		require.Equal(t, tc.field, requireReason(t, webhook.ErrBody, err).Name, tc.body)
		require.Nil(t, events)
	}
}

// TestDecodeMalformed decodes bodies that aren't events, or are incomplete.
func TestDecodeMalformed(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", " \r\n\t", "{", "[", `{"userid":"u1"`, presenceEvent + "x", presenceEvent + presenceEvent, "[" + presenceEvent, "[" + presenceEvent + "] x",
		`["a"]`, "[1]", "[null]", "[ null ]", "[1,[]]", "[[]]", "[true]", `{"a":1,}`, `{'a':1}`, "{a:1}",
		"{\"userid\":\"\xff\",\"status\":\"0\",\"time\":1}", "\xff", "a=%zz", "a=1;b=2", "a=\xc3",
		strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 200_000), `{"type":"user:friendship","data":[1]}`, `{"type":"user:friendship","data":["a"]}`,
	} {
		events, err := webhook.Decode([]byte(body))
		require.ErrorIs(t, err, webhook.ErrBody, "%.60q", body)
		require.Nil(t, events)
		require.Less(t, len(err.Error()), 200, "must not quote the body")
	}
	_, err := webhook.Decode(nil)
	requireReason(t, webhook.ErrBody, err)
}

// TestDecodeErrorSize checks that a long field name is shortened: the body isn't signed, and the error is logged.
func TestDecodeErrorSize(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("n", 500_000)
	_, err := webhook.Decode([]byte("operateId=1&" + name + "=1&" + name + "=2"))
	requireReason(t, webhook.ErrBody, err)
	require.Less(t, len(err.Error()), 1000)
}

// FuzzDecode checks that decoded events have all required fields, whatever the body.
func FuzzDecode(f *testing.F) {
	for _, tc := range decodeCases {
		f.Add([]byte(tc.body))
	}
	f.Add([]byte(`{"userid":"\ud800","status":"\u0000","time":1}`))
	f.Add([]byte("[[[[{}]]]]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := webhook.Decode(body)
		var failure *webhook.Error
		switch {
		case err == nil:
		case !errors.As(err, &failure) || failure.Reason != webhook.ErrBody || events != nil:
			t.Fatalf("%v, %+v", err, events)
		default:
			return
		}
		for _, e := range events {
			if !isComplete(e, body) {
				t.Fatalf("%q became %+v", body, e)
			}
		}
	})
}

// isComplete reports whether an event has its required fields.
func isComplete(e webhook.Event, body []byte) bool {
	timed := func(at time.Time) bool {
		return at.UnixMilli() > 0 && at.UnixMilli() <= 1<<48 && at.Location() == time.UTC
	}
	switch e := e.(type) {
	case webhook.PresenceEvent:
		return e.UserID != "" && e.Status != "" && timed(e.Time)
	case webhook.DeactivationEvent:
		return e.UserID != "" && e.OperationID != "" && e.Type != "" && e.Code != "" && timed(e.Time)
	case webhook.ProfileEvent:
		object := func(raw []byte) bool { return raw == nil || strings.HasPrefix(strings.TrimSpace(string(raw)), "{") }
		return e.UserID != "" && e.Change != "" && timed(e.Time) && object(e.Profile) && object(e.ExtProfile)
	case webhook.FriendshipEvent:
		return e.UserID != "" && e.ToUserID != "" && e.Change != "" && timed(e.Time)
	case webhook.UnknownEvent:
		return len(e.Raw) > 0 && strings.Contains(string(body), string(e.Raw))
	}
	return false
}
