package rcuser_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const (
	secretMark = "sEcReT7Q9"
	tokenMark  = "tOkEn8W4x"
)

// nested holds a value in each kind of field that fmt and slog can print.
type nested struct {
	Direct  any
	Pointer any
	Slice   []any
	Map     map[string]any
}

func nest(v, pointer any) []any {
	return []any{v, pointer, nested{v, pointer, []any{v, pointer}, map[string]any{"k": v}}, []any{v}, map[string]any{"k": pointer}}
}

// TestSecretIsNeverPrinted prints every type that holds a secret with fmt, slog and encoding/json.
func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	config := rcuser.Config{AppKey: "key", AppSecret: secretMark, DataCenter: rcuser.Beijing}
	credentials := rcuser.Credentials{AppKey: "key", AppSecret: secretMark}
	client, err := rcuser.NewClient(config)
	require.NoError(t, err)
	server := rctest.NewServer(rctest.WithCredentials(credentials))
	t.Cleanup(server.Close)
	serverConfig := server.Config()
	for _, v := range [][]any{
		nest(config, &config),
		nest(credentials, &credentials),
		nest(*client, client),
		nest(server, &server),
		nest(serverConfig, &serverConfig),
		{[]rcuser.Config{config}, map[string]rcuser.Credentials{"k": credentials}, client.Users, *client.Users},
	} {
		for _, printed := range v {
			requireHidden(t, printed, secretMark, true)
		}
	}
}

// TestTokenIsPrintedOnlyAsJSON requires only encoding/json to write a token's value.
func TestTokenIsPrintedOnlyAsJSON(t *testing.T) {
	t.Parallel()
	token := rcuser.Token{UserID: "u1", Value: tokenMark}
	for _, printed := range append(nest(token, &token), []rcuser.Token{token}, map[string]rcuser.Token{"k": token}) {
		requireHidden(t, printed, tokenMark, false)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", token, "pointer", &token)
	require.NotContains(t, log.String(), tokenMark)
	data, err := json.Marshal(token)
	require.NoError(t, err)
	require.JSONEq(t, `{"UserID":"u1","Value":"`+tokenMark+`"}`, string(data))
	require.Equal(t, tokenMark, token.Value)
}

// TestErrorsHoldNoSecrets lets calls fail with a secret, a token and form values involved.
func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	const formMark = "fOrMvAlUe5"
	replies := map[string]func(*http.Request) (*http.Response, error){
		"refused": reply(400, `{"code":1002,"errorMessage":"no"}`),
		"token":   reply(200, `{"userId":"u","token":"`+tokenMark+`"}`),
		"number":  reply(200, `{"code":200,"userId":"u","token":["`+tokenMark+`"]}`),
		"html":    reply(502, "<html>"+tokenMark),
		"network": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset") },
	}
	for name, respond := range replies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			var attempts []rcuser.Attempt
			client, err := rcuser.NewClient(rcuser.Config{
				AppKey: "key", AppSecret: secretMark, DataCenter: rcuser.Beijing,
				HTTPClient: &http.Client{Transport: roundTripFunc(respond)},
				Retry:      rcuser.RetryPolicy{MaxAttempts: 1},
				Logger:     slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				OnAttempt:  func(_ context.Context, a rcuser.Attempt) { attempts = append(attempts, a) },
			})
			require.NoError(t, err)
			_, err = client.Users.Register(t.Context(), rcuser.Registration{UserID: "u", Name: formMark})
			require.Error(t, err)
			require.Len(t, attempts, 1)
			for _, mark := range []string{secretMark, tokenMark, formMark} {
				requireHidden(t, err, mark, true)
				requireHidden(t, attempts, mark, true)
				require.NotContains(t, log.String(), mark)
			}
			require.NotEmpty(t, log.String())
		})
	}
}

// requireHidden requires that no way of printing v shows mark as text, as hex or as a list of numbers.
func requireHidden(t *testing.T, v any, mark string, andJSON bool) {
	t.Helper()
	outputs := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d"} {
		outputs[verb] = fmt.Sprintf(verb, v)
	}
	var text, asJSON bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
	outputs["slog text"] = text.String()
	if andJSON {
		slog.New(slog.NewJSONHandler(&asJSON, nil)).Info("x", "v", v)
		outputs["slog JSON"] = asJSON.String()
		data, _ := json.Marshal(v) // what can't be encoded shows nothing
		outputs["JSON"] = string(data)
	}
	bytesOfMark := []byte(mark)
	forms := []string{
		mark, hex.EncodeToString(bytesOfMark), strings.ToUpper(hex.EncodeToString(bytesOfMark)),
		fmt.Sprintf("% x", mark), strings.Trim(fmt.Sprint(bytesOfMark), "[]"), //nolint:staticcheck // the numbers are wanted
	}
	for how, output := range outputs {
		for _, form := range forms {
			require.NotContains(t, output, form, how)
		}
	}
}
