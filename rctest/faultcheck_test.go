package rctest_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestInjectInvalidFault(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, c := range []struct {
		fault rctest.Fault
		want  string
	}{
		{rctest.Fault{}, "the fault changes nothing"},
		{rctest.Fault{Applied: true, Times: 3}, "the fault changes nothing"},
		{rctest.Fault{Code: 1000, Endpoint: "user/block.json"}, `Endpoint "user/block.json" doesn't start with a slash`},
		{rctest.Fault{Code: 1000, Host: -1}, "Host -1 is unknown"},
		{rctest.Fault{Code: 1000, Host: 3}, "Host 3 is unknown"},
		{rctest.Fault{UserID: "a", Kind: rctest.ResetBefore}, "UserID is set, but this Kind doesn't read the request"},
		{rctest.Fault{UserID: "a", Kind: rctest.RefuseConnection}, "UserID is set, but this Kind doesn't read the request"},
		{rctest.Fault{Code: 1000, For: -1}, "For -1ns is negative"},
		{rctest.Fault{For: time.Hour}, "the fault changes nothing"},
		{rctest.Fault{UserID: "a"}, "the fault changes nothing"},
		{rctest.Fault{Code: 1000, Times: -2}, "Times -2 is neither Always nor a number of calls"},
		{rctest.Fault{Code: 1000, Every: -1}, "Every -1 is negative"},
		{rctest.Fault{Code: 1000, Probability: -0.1}, "Probability -0.1 is not between 0 and 1"},
		{rctest.Fault{Code: 1000, Probability: 1.1}, "Probability 1.1 is not between 0 and 1"},
		{rctest.Fault{Code: 1000, Probability: math.NaN()}, "Probability NaN is not between 0 and 1"},
		{rctest.Fault{Status: 199}, "Status 199 is not between 200 and 999"},
		{rctest.Fault{Status: 1000}, "Status 1000 is not between 200 and 999"},
		{rctest.Fault{Status: -1}, "Status -1 is not between 200 and 999"},
		{rctest.Fault{BodySize: -1}, "BodySize -1 is negative"},
		{rctest.Fault{BodySize: math.MaxInt64, Kind: rctest.WrongLength}, "BodySize 9223372036854775807 leaves no longer Content-Length"},
		{rctest.Fault{HeaderDelay: -1}, "HeaderDelay -1ns is negative"},
		{rctest.Fault{BodyDelay: -1}, "BodyDelay -1ns is negative"},
		{rctest.Fault{Kind: -1}, "Kind -1 is unknown"},
		{rctest.Fault{Kind: 7}, "Kind 7 is unknown"},
		{rctest.Fault{Status: 204, Body: "a"}, "Status 204 never has a body"},
		{rctest.Fault{Status: 304, Code: 1000}, "Status 304 never has a body"},
		{rctest.Fault{Status: 304, BodySize: 1}, "Status 304 never has a body"},
		{rctest.Fault{Status: 204, Kind: rctest.WrongLength}, "Status 204 never has a body"},
		{rctest.Fault{Status: 500, Kind: rctest.Cut}, "there is no body to cut"},
		{rctest.Fault{Status: 500, BodyDelay: 1}, "there is no body for BodyDelay"},
		{rctest.Fault{RetryAfter: "1\r\nX: y"}, `RetryAfter "1\r\nX: y" can't be sent`},
		{rctest.Fault{RetryAfter: " 1"}, `RetryAfter " 1" can't be sent`},
		{rctest.Fault{Header: header("X", "a", "\x00")}, `Header X: "\x00" can't be sent`},
		{rctest.Fault{Header: header("X", "\x7f")}, `Header X: "\x7f" can't be sent`},
		{rctest.Fault{Header: header("a b", "c")}, `Header name "a b" can't be sent`},
		{rctest.Fault{Header: header("ä", "c")}, `Header name "ä" can't be sent`},
		{rctest.Fault{Header: header("")}, `Header name "" can't be sent`},
		{rctest.Fault{Header: header("content-length", "1")}, "Header content-length is set by the transport"},
	} {
		require.PanicsWithValue(t, "rctest: Inject: "+c.want, func() { f.Inject(c.fault) }, c.fault)
	}
	for kind, faults := range map[rctest.FaultKind][]rctest.Fault{
		rctest.RefuseConnection: {{HeaderDelay: 1}, {Applied: true}, {Code: 1}},
		rctest.ResetBefore:      {{HeaderDelay: 1}, {Applied: true}, {Status: 500}},
		rctest.Hang:             {{HeaderDelay: 1}, {DateOffset: 1}, {Body: "a"}, {BodySize: 1}, {BodyDelay: 1}},
		rctest.LostAnswer:       {{Applied: true}, {RetryAfter: "1"}, {Header: header("X")}, {ClockOffset: time.Hour}, {PageSize: 1}, {PageOmits: 1}},
	} {
		for _, fault := range faults {
			fault.Kind = kind
			require.PanicsWithValue(t, "rctest: Inject: a field is set that this Kind doesn't allow", func() { f.Inject(fault) }, fault)
		}
	}
	require.Equal(t, http.StatusOK, f.call(blockPath, banForm).status, "none of them was injected")
}
