package rctest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, path := range []string{getTokenPath, "/no/such.json"} {
		req := f.request(path, "userId=a&name=N")
		req.Header.Set("X-Request-ID", "r1")
		a := f.do(req)
		require.Equal(t, "application/json;charset=UTF-8", a.header.Get("Content-Type"))
		require.Equal(t, "r1", a.header.Get("X-Request-ID"))
	}
	a := f.call(infoPath, "userId=x")
	require.Equal(t, map[string]any{
		"url": "/user/info.json", "code": 1002.0, "errorMessage": "ParamError:data is not exist.",
	}, a.body)
}

func TestFaultCodeStatus(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for code, status := range map[int]int{
		200: 200, 1000: 500, 1001: 401, 1002: 400, 1003: 400, 1004: 401, 1005: 400, 1006: 401, 1007: 401, 1008: 429, 1009: 430,
		1015: 200, 1016: 403, 1050: 504, 2007: 403, 1010: 400, 4711: 400, -1: 400,
	} {
		f.Inject(rctest.Fault{Code: code})
		got := f.call(blockPath, banForm)
		require.Equal(t, statusAndCode{status, code}, statusAndCode{got.status, got.code()})
	}
}
