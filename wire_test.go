package rcuser_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"

	"github.com/f0207b22/rcuser/internal/systemtest"
)

// readers has a call of every kind of answer.
var readers = map[string]func(context.Context, *rcuser.Client) error{
	"nothing": ban,
	"token":   register("n", ""),
	"user":    get,
	"status":  online,
	"bans":    bans(rcuser.PageOptions{}),
	"ids":     deactivated(rcuser.PageOptions{}),
	"page":    blocklistKind.listAt(rcuser.CursorOptions{}),
	"setting": func(ctx context.Context, c *rcuser.Client) error { return enabled(ctx, c, []string{"a"}) },
	"operation": func(ctx context.Context, c *rcuser.Client) error {
		return deactivateIDs(ctx, c, []string{"a"})
	},
	"anything": func(ctx context.Context, c *rcuser.Client) error {
		return c.Call(ctx, rcuser.Request{Path: "/user/x.json"}, new(map[string]any))
	},
}

func TestCodesOfSuccess(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		`200`, `200.0`, `2e2`, `"200"`, `"200.0"`, `"2E2"`, `10000`, `"10000"`, `1e4`, `10000.0`, `200,"code":null`, `1002,"code":200`,
	} {
		for name, call := range readers {
			client, tap := newClient(t, reply(http.StatusOK, `{"token":"t","status":"1","operateId":"o","code":`+code+`}`))
			require.NoError(t, call(t.Context(), client), "%s %s", code, name)
			require.Len(t, tap.requests(), 1)
		}
	}
}

func TestCodesOfNoSuccess(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		`0`, `"0"`, `null`, `true`, `""`, `"ok"`, `200.5`, `[200]`, `{"code":200}`, `4294967496`, `-9223372036854775608`, `1e400`,
		`200e200`, `99999999999999999999`, `"0xc8"`, `"inf"`, `200,"code":"ok"`,
	} {
		for name, call := range readers {
			body := `{"token":"t","status":"1","operateId":"o","code":` + code + `}`
			client, _ := newClient(t, reply(http.StatusOK, body), once)
			rcErr := requireError(t, call(t.Context(), client))
			require.ErrorContains(t, rcErr.Err, "broken answer: it has no code", "%s %s", code, name)
			require.Equal(t, []any{rcuser.Unknown, rcuser.ErrorCode(0)}, []any{rcErr.Outcome, rcErr.Code}, "%s %s", code, name)
		}
	}
}

// TestRefusalWithOddFields has refusals in which no field but the code has the right type.
func TestRefusalWithOddFields(t *testing.T) {
	t.Parallel()
	for _, fields := range []string{
		`"users":{"a":1},"token":[1],"userId":{},"userName":7,"createTime":true,"status":{"x":[]},"operateId":false,"next":{}`,
		`"users":"none","token":null,"userId":1e999,"userName":[],"createTime":-1,"status":"?","operateId":{},"next":[1]`,
		`"users":[1,"a",{"userId":[]},null],"Users":5,"errorMessage":{"text":"x"},"msg":["y"]`,
	} {
		for name, call := range readers {
			for _, body := range []string{`{` + fields + `,"code":"1002.0"}`, `{"code":1002,` + fields + `}`} {
				client, _ := newClient(t, reply(http.StatusBadRequest, body), once)
				err := call(t.Context(), client)
				require.ErrorIs(t, err, rcuser.ErrParameter, "%s %s", name, body)
				require.Equal(t, rcuser.NotApplied, requireError(t, err).Outcome)
			}
		}
	}
}

func TestDeepAnswers(t *testing.T) {
	t.Parallel()
	nested := func(depth int, open, end string) string {
		return strings.Repeat(open, depth) + "1" + strings.Repeat(end, depth)
	}
	for name, call := range readers {
		for _, field := range []string{"x", "users", "token", "status"} {
			for _, value := range []string{nested(9000, "[", "]"), nested(9000, `{"users":`, "}")} {
				client, _ := newClient(t, reply(http.StatusOK, `{"code":1004,"`+field+`":`+value+`}`), once)
				require.ErrorIs(t, call(t.Context(), client), rcuser.ErrSignature, name)
			}
			client, _ := newClient(t, reply(http.StatusOK, `{"code":200,"`+field+`":`+nested(20_000, "[", "]")+`}`), once)
			require.ErrorContains(t, call(t.Context(), client), "broken answer: ", "%s: more than encoding/json reads", name)
		}
	}
}

// TestAnswersOverTheWire reads odd answers from a connection, in pieces.
func TestAnswersOverTheWire(t *testing.T) {
	t.Parallel()
	bodies := []string{
		`{"code":"200.0","users":[{"userId":42,"blockEndTime":"2016-6-13 18:9:4"},null,{"userId":"b"}]}`,
		"\r\n {\"users\":[\"c\",{\"userId\":\"d\"}],\n\"code\":10000}\n",
		`{"code":2e2,"users":null}`,
	}
	base := systemtest.RawServer(t, func(conn net.Conn) {
		reader := bufio.NewReader(conn)
		for _, body := range bodies {
			if systemtest.ReadRequest(reader) == nil {
				return
			}
			_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n")
			for i := range len(body) {
				_, _ = fmt.Fprintf(conn, "1\r\n%s\r\n", body[i:i+1])
			}
			_, _ = fmt.Fprint(conn, "0\r\n\r\n")
		}
	})
	client := overWire(t, base)
	require.Equal(t, []rcuser.Ban{
		{UserID: "42", Until: time.Date(2016, 6, 13, 18, 9, 4, 0, time.UTC)}, {UserID: "b"}, {UserID: "d"},
	}, collect(t, client.Bans.All(t.Context())))
}
