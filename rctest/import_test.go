package rctest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func (f *fake) export() string {
	f.t.Helper()
	var b bytes.Buffer
	require.NoError(f.t, f.Export(&b))
	return b.String()
}

func (f *fake) load(export string) {
	f.t.Helper()
	require.NoError(f.t, f.Import(strings.NewReader(export)))
}

// fill makes one of everything that the service can store.
func (f *fake) fill() {
	for _, id := range []string{"deactivated", "ann", "refused", "running", "old"} {
		f.register(id)
	}
	f.ok(getTokenPath, "userId=ann&name=%3C%22%E4%B8%AD%3E&portraitUri=p")
	f.ok(expirePath, "userId=ann&userId=early&time="+millis(f.Now()))
	f.ok(blockPath, "userId=banned&userId=soon&minute=30")
	f.ok(blockPath, "userId=soon&minute=5")
	f.ok(blacklistAddPath, "userId=ann&"+ids("blackUserId", 9))
	f.ok(blacklistRemovePath, "userId=ann&blackUserId=u3&blackUserId=u8")
	f.ok(whitelistAddPath, "userId=ann&"+ids("whiteUserId", 3))
	f.ok(whitelistAddPath, "userId=emptied&whiteUserId=x")
	f.ok(whitelistRemovePath, "userId=emptied&whiteUserId=x")
	f.ok(whitesettingSetPath, "userId=ann&whiteSetting=1")
	f.SetOnline("was", true)
	f.SetOnline("was", false)
	f.SetOnline("ann", true)
	f.ok(deactivatePath, "userId=old,deactivated,never")
	f.Advance(20 * time.Minute)
	f.RefuseDeactivation("refused", "7")
	f.RefuseDeactivation("later", "8")
	f.ok(deactivatePath, "userId=running,refused")
	f.ok(deactivatePath, "userId=running")
	f.Advance(time.Minute)
}

func TestImportRestoresEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, g := setup(t), setup(t)
		f.fill()
		tokens := []string{f.register("ann"), f.register("ann"), f.register("new")}
		next := url.QueryEscape(f.ok(blacklistQueryPath, "userId=ann&size=2")["next"].(string))
		g.register("forgotten")
		g.load(f.export())
		require.Equal(t, slices.Collect(f.Users()), slices.Collect(g.Users()))
		require.Equal(t, slices.Collect(f.Bans()), slices.Collect(g.Bans()))
		require.Equal(t, slices.Collect(f.Pending()), slices.Collect(g.Pending()))
		require.Equal(t, f.Now(), g.Now())
		for _, call := range [][2]string{
			{deactivateQueryPath, ""},
			{blacklistQueryPath, "userId=ann&size=2&pageToken=" + next},
			{infoPath, "userId=ann"},
			{whitesettingQueryPath, "userId=ann&userId=banned"},
			{blockQueryPath, ""},
		} {
			require.Equal(t, f.ok(call[0], call[1]), g.ok(call[0], call[1]))
		}
		require.Equal(t, f.export(), g.export())
		for _, token := range tokens {
			require.NoError(t, g.Connect(token))
		}
		require.NotContains(t, tokens, g.register("ann"))
		g.ok(expirePath, "userId=ann&time="+millis(g.Now()))
		g.refusedConnect(tokens[0], rctest.ErrExpiredToken)
		require.True(t, g.ValidToken("new", tokens[2]))
	})
}

// What is pending happens after the import, and is posted to the webhook of the importing server.
func TestImportKeepsWhatIsPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.fill()
		saved := f.export()
		time.Sleep(time.Minute)
		g, a := setup(t), &app{start: time.Now()}
		g.SetWebhook(a)
		g.load(saved)
		require.Equal(t, f.Now(), g.Now(), "time has gone on")
		time.Sleep(13*time.Minute - 1)
		require.Empty(t, a.bodies())
		require.True(t, g.User("refused").Deactivated)
		time.Sleep(time.Nanosecond)
		require.Len(t, a.bodies(), 3, "two operations of one user and one of the other")
		finished := bubbleStart + (35 * time.Minute).Milliseconds()
		for _, code := range []string{"0", "7"} {
			require.Regexp(t, fmt.Sprintf(`&type=0&code=%s&time=%d\b`, code, finished), strings.Join(a.bodies(), " "))
		}
		require.False(t, g.User("refused").Deactivated)
		require.Equal(t, "N", g.User("refused").Name)
		require.Empty(t, g.User("running").Name)
		g.SetOnline("was", true)
		require.Contains(t, a.bodies()[3], `"sessionId":"rctest-3"`, "sessions are counted on")
		g.ok(deactivatePath, "userId=later")
		time.Sleep(15 * time.Minute)
		require.Contains(t, a.bodies()[4], "code=8")
	})
}

// What fell due between export and import happens at once.
func TestImportAfterTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.fill()
		saved := f.export()
		time.Sleep(time.Hour)
		g, a := setup(t), &app{start: time.Now()}
		g.SetWebhook(a)
		g.load(saved)
		require.Len(t, a.bodies(), 3)
		require.Empty(t, slices.Collect(g.Pending()))
		require.Empty(t, slices.Collect(g.Bans()))
	})
}

// An import may move the clock. What waits to be posted again waits no longer than before.
func TestImportKeepsRetries(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		a.answer = answerWith(500, 200)
		saved := f.export()
		f.Advance(time.Hour)
		f.SetOnline("a", true)
		require.Equal(t, 1, a.count())
		f.load(saved)
		require.False(t, f.User("a").Online)
		time.Sleep(time.Second - 1)
		require.Equal(t, 1, a.count())
		time.Sleep(time.Nanosecond)
		require.Equal(t, 2, a.count())
	})
}

// An import may move the clock in both directions. A fault ends neither sooner nor later.
func TestImportKeepsTheTimeOfFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		early := f.export()
		f.Advance(time.Hour)
		late := f.export()
		for _, saved := range []string{early, late} {
			ended := f.Inject(rctest.Fault{Code: 1000, For: time.Minute})
			f.Advance(time.Minute)
			lasting := f.Inject(rctest.Fault{Code: 1000, For: time.Minute})
			f.load(saved)
			require.Equal(t, 1000, f.call(infoPath, "userId=a").code())
			require.Equal(t, 1, lasting.Hits())
			f.Advance(time.Minute - 1)
			require.Equal(t, []*rctest.InjectedFault{lasting}, f.Faults())
			f.Advance(1)
			require.Empty(t, f.Faults())
			require.Zero(t, ended.Hits())
		}
	})
}

func TestReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, a := setup(t), &app{start: time.Now()}
		f.SetWebhook(a)
		f.fill()
		token := f.register("ann")
		synctest.Wait()
		before := f.Credentials()
		f.Reset()
		require.Empty(t, slices.Collect(f.Users()))
		require.Empty(t, slices.Collect(f.Bans()))
		require.Empty(t, slices.Collect(f.Pending()))
		require.Empty(t, f.Requests())
		require.Equal(t, time.Now(), f.Now())
		require.Equal(t, before, f.Credentials())
		f.refusedConnect(token, rctest.ErrUnknownToken)
		f.register("ann")
		f.refusedConnect(token, rctest.ErrUnknownToken)
		posted := a.count()
		time.Sleep(24 * time.Hour)
		require.Equal(t, posted, a.count(), "nothing of the old state is reported")
		f.SetOnline("ann", true)
		require.Equal(t, presenceBody("ann", "0", time.Now().UnixMilli()), a.bodies()[posted], "the webhook stays; sessions are counted anew")
	})
}

// changingWriter makes calls that change the server while it exports.
type changingWriter struct {
	f      *fake
	writes int
}

func (w *changingWriter) Write(p []byte) (int, error) {
	for i := range 20 {
		n := (w.writes*20 + i) * 7
		w.f.call(getTokenPath, fmt.Sprintf("userId=u%d&name=N", n%6000)) // refused if deactivated
		w.f.ok(blockPath, idsFrom("userId", n%5000, 20)+"&minute=9")
		w.f.ok(blacklistAddPath, fmt.Sprintf("userId=u%d&blackUserId=x%d", n%3000, n))
		w.f.ok(deactivatePath, fmt.Sprint("userId=u", n%6000))
		w.f.SetOnline(fmt.Sprint("u", n%4000), true)
		w.f.Advance(30 * time.Second)
	}
	w.writes++
	return len(p), nil
}

// An export is the state at one instant, however much changes while it is written.
func TestExportIsOneInstant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		for i := range 150 {
			f.ok(blockPath, idsFrom("userId", 20*i, 20)+fmt.Sprint("&minute=", 1+i))
			f.ok(deactivatePath, fmt.Sprint("userId=u", 20*i))
		}
		before := f.export()
		var during bytes.Buffer
		w := &changingWriter{f: f}
		require.NoError(t, f.Export(io.MultiWriter(&during, w)))
		require.Greater(t, w.writes, 20)
		require.Equal(t, before, during.String())
		require.NotEqual(t, before, f.export())
	})
}

type writerFunc func(p []byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// An export goes on with the state that it has begun with, although that is replaced.
func TestExportDuringReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		for i := range 150 {
			f.ok(blockPath, idsFrom("userId", 20*i, 20)+"&minute=9")
		}
		before := f.export()
		var during bytes.Buffer
		require.NoError(t, f.Export(writerFunc(func(p []byte) (int, error) {
			f.Reset()
			f.ok(unblockPath, idsFrom("userId", 0, 20))
			f.register("u7")
			return during.Write(p)
		})))
		require.Equal(t, before, during.String())
		require.Equal(t, []string{"u7"}, userIDs(f.Users()))
	})
}

// A call takes effect as a whole before or after an export.
func TestExportDuringTraffic(t *testing.T) {
	t.Parallel()
	f, g := setup(t), setup(t)
	for i := range 100 {
		f.ok(blockPath, idsFrom("userId", 20*i, 20)+"&minute=9")
	}
	done := make(chan struct{})
	var calls sync.WaitGroup
	for worker := range 2 {
		calls.Go(func() {
			for i := worker; ; i++ {
				select {
				case <-done:
					return
				default:
					batch := idsFrom("userId", i*37%100*20, 20)
					f.call(unblockPath, batch)
					f.call(blockPath, batch+"&minute=9")
				}
			}
		})
	}
	for range 20 {
		g.load(f.export())
		banned := make([]int, 100) // by batch
		for b := range g.Bans() {
			var user int
			_, err := fmt.Sscanf(b.UserID, "u%d", &user)
			require.NoError(t, err)
			banned[user/20]++
		}
		for _, count := range banned {
			require.True(t, count == 0 || count == 20, banned)
		}
	}
	close(done)
	calls.Wait()
}

func TestExportError(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.fill()
	failed := errors.New("disk full")
	reader, writer := io.Pipe()
	require.NoError(t, reader.CloseWithError(failed))
	err := f.Export(writer)
	require.ErrorIs(t, err, failed)
	require.EqualError(t, err, "rctest: Export: disk full")
	require.NotContains(t, f.export(), f.Credentials().AppSecret)
}

// A user whose lists are full and whose ids are long and escaped can be read again.
func TestImportOfTheLargestUser(t *testing.T) {
	t.Parallel()
	f, g := setup(t), setup(t)
	id := func(i int) string { return fmt.Sprintf("%04d%s", i, strings.Repeat("<", 60)) }
	for i := range 150 {
		form := url.Values{"userId": {id(0)}}
		for n := range 20 {
			form.Add("blackUserId", id(20*i+n))
			form.Add("whiteUserId", id(20*i+n))
		}
		f.ok(blacklistAddPath, form.Encode())
		f.ok(whitelistAddPath, form.Encode())
	}
	g.load(f.export())
	require.Equal(t, f.User(id(0)), g.User(id(0)))
}

// A ban that has ended is none, even while the server hasn't removed it yet.
func TestExportOfEndedBans(t *testing.T) {
	t.Parallel()
	f, g := setup(t), setup(t)
	for i := range 30 {
		f.ok(blockPath, idsFrom("userId", 20*i, 20)+"&minute=5")
	}
	f.ok(blockPath, "userId=a&minute=5") // the last one in the order of removal
	f.Advance(5 * time.Minute)
	f.SetOnline("a", true)
	g.load(f.export())
	require.True(t, g.User("a").Online)
	require.Empty(t, slices.Collect(g.Bans()))
}

// Imported users count, and may be more than the options allow to register.
func TestImportIntoDevelopment(t *testing.T) {
	t.Parallel()
	f, g := setup(t), setup(t, rctest.Development())
	for i := range 101 {
		f.register(fmt.Sprint("u", i))
	}
	g.load(f.export())
	g.register("u100")
	g.refused(getTokenPath, "userId=new&name=N", 403, 2007)
}

// requireNotImported requires that an import fails with the text and changes nothing.
func requireNotImported(t *testing.T, r io.Reader, text string) {
	t.Helper()
	f := setup(t)
	token := f.register("kept")
	users, last := slices.Collect(f.Users()), f.LastChange()
	err := f.Import(r)
	require.ErrorContains(t, err, "rctest: Import: ")
	require.ErrorContains(t, err, text)
	require.Equal(t, users, slices.Collect(f.Users()))
	require.Equal(t, last, f.LastChange())
	require.True(t, f.ValidToken("kept", token))
}

func TestImportCutOff(t *testing.T) {
	t.Parallel()
	f, g := setup(t), setup(t)
	f.fill()
	saved := strings.TrimSpace(f.export())
	for end := range saved {
		err := g.Import(strings.NewReader(saved[:end]))
		require.ErrorContains(t, err, "the input ends before the export does", saved[:end])
	}
	requireNotImported(t, strings.NewReader(saved[:len(saved)/2]), "user ")
	requireNotImported(t, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(saved))), iotest.ErrTimeout.Error())
}
