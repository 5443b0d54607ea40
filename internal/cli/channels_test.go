package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChannels: a channel is added, changed, tested and removed; its secrets come from where no other user of the machine sees them,
// and are never shown.
func TestChannels(t *testing.T) {
	serve(t)
	const first, second, third = "first-secret-0123456789", "second-secret-0123456789", "third-secret-0123456789"
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(third+"\n"), 0o600))
	t.Setenv("ALERTMANAGER_TOKEN", second)
	channels := func(stdin, args string) string {
		t.Helper()
		out, errs, err := runWith(context.Background(), stdin, append([]string{"alerts", "channels"}, strings.Fields(args)...)...)
		require.NoError(t, err)
		for _, secret := range []string{first, second, third} {
			require.NotContains(t, out+errs, secret)
		}
		return out
	}
	require.Regexp(t, `alertmanager +token +--secret +no`, channels("", "kinds"))
	made := channels(first+"\n", "add ops --kind alertmanager --setting url=https://am.example --secret token=-")
	require.Regexp(t, `chn_\S+ +ops +alertmanager +yes +en +url=https://am.example +token`, made)
	id := "chn_" + strings.Fields(strings.SplitN(made, "chn_", 2)[1])[0]
	require.Regexp(t, `ops2 +alertmanager +no +zh +url=https://am.example username=me +token`, channels("", "set "+id+" --name ops2 --enabled=false --language zh --setting username=me --secret token=env:ALERTMANAGER_TOKEN"))
	require.Regexp(t, `url=https://am2.example username=me +token`, channels("", "set "+id+" --setting url=https://am2.example --secret token=env:ALERTMANAGER_TOKEN"))
	require.Regexp(t, `url=https://am2.example +password token`, channels("", "set "+id+" --setting username= --secret token=env:ALERTMANAGER_TOKEN --secret password=file:"+file))
	require.Regexp(t, `url=https://am2.example +password *\n`, channels("", "set "+id+" --without-secret token"))
	require.Contains(t, channels("", "list --json"), `"password"`)
	require.Contains(t, channels("", "test "+id), "waiting")
	require.Contains(t, channels("", ""), "ops2")
	for args, code := range map[string]int{
		"add x --kind slack --secret webhook_url=" + first:                         exitWrong,
		"add x --kind slack --secret https://hooks.example/" + first + "?a=b":      exitWrong,
		"add x --kind slack --secret webhook_url":                                  exitWrong,
		"add x --kind slack --secret webhook_url=env:NOT_SET":                      exitWrong,
		"add x --kind slack --secret webhook_url=file:" + file + ".none":           exitWrong,
		"add x --kind alertmanager --secret token=- --secret password=-":           exitWrong,
		"add x --kind alertmanager --secret token=- --secret token=env:A":          exitWrong,
		"add x --secret token=-":                                                   exitWrong,
		"add --kind slack":                                                         exitWrong,
		"remove":                                                                   exitWrong,
		"remove chn_none":                                                          exitNotThere,
		"set " + id + " --setting url=https://other.example":                       exitWrong,
		"add x --kind alertmanager --setting token=" + first + " --secret token=-": exitWrong,
	} {
		out, errs, err := runWith(context.Background(), second, append([]string{"alerts", "channels"}, strings.Fields(args)...)...)
		require.Error(t, err, args)
		require.Equal(t, code, ExitCode(err), "%s: %s", args, err)
		for _, secret := range []string{first, second, third} {
			require.NotContains(t, out+errs+err.Error(), secret, args)
		}
	}
	channels("", "remove "+id)
	require.NotContains(t, channels("", ""), id)
}
