package webhook_test

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestErrorText checks that the text has the reason, the name, the detail and the cause, and that errors.Is finds reason
// and cause.
func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  webhook.Error
		want string
	}{
		{webhook.Error{Reason: webhook.ErrSignature}, "webhook: the signature doesn't verify"},
		{webhook.Error{Reason: webhook.ErrBody, Name: "time", Detail: "is missing or empty"}, "webhook: the body can't be decoded: time: is missing or empty"},
		{webhook.Error{Reason: webhook.ErrBody, Err: io.ErrUnexpectedEOF}, "webhook: the body can't be decoded: unexpected EOF"},
	} {
		require.Equal(t, tc.want, tc.err.Error())
		require.ErrorIs(t, &tc.err, tc.err.Reason)
		require.NotErrorIs(t, &tc.err, webhook.ErrMethod)
		require.Equal(t, tc.err.Err != nil, errors.Is(&tc.err, io.ErrUnexpectedEOF))
	}
	request := validRequest(testNonce)
	addParam("nonce", "2")(request)
	_, err := webhook.Verify(request, webhook.Window{}, validCredentials)
	require.EqualError(t, err, "webhook: a signature parameter is missing or ambiguous: nonce: is given 2 times, it must be once")
	_, err = webhook.Verify(newRequest("nonce=%zz", ""), webhook.Window{}, validCredentials)
	require.EqualError(t, err, "webhook: a signature parameter is missing or ambiguous: the query is malformed", "must not quote the query")
}

func TestUnknownReasons(t *testing.T) {
	t.Parallel()
	for _, none := range []webhook.Reason{-1, 0, 19} {
		require.Equal(t, "unknown reason", none.Error())
	}
}
