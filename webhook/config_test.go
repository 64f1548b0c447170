package webhook_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// TestInvalidConfigs checks that the error names the invalid field.
func TestInvalidConfigs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*webhook.Config)
	}{
		{"Config.Credentials", func(c *webhook.Config) { c.Credentials = nil }},
		{"Config", func(c *webhook.Config) { *c = webhook.Config{Credentials: c.Credentials, Queue: 1} }},
		{"Config.Queue", withQueue(-1, 0)},
		{"Config.Workers", withQueue(1, -1)},
		{"Config.Workers", withQueue(0, 1)},
	} {
		config := webhook.Config{Credentials: returnCredentials(validCredentials), OnUnknown: record[webhook.UnknownEvent](nil)}
		tc.change(&config)
		var argument *rcuser.ArgumentError
		h, err := webhook.NewHandler(config)
		require.ErrorAs(t, err, &argument)
		require.Equal(t, tc.name, argument.Name)
		require.Nil(t, h)
	}
}
