package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/f0207b22/rcuser"
)

func (t *tour) register(ctx context.Context) error {
	for _, user := range []rcuser.Registration{
		{UserID: t.alice, Name: "Alice", PortraitURI: "https://example.com/alice.png"},
		{UserID: t.bob, Name: "Bob"},
	} {
		token, err := t.client.Users.Register(ctx, user)
		if err != nil {
			return err
		}
		t.say("   %s has a token of %d characters; printed, it hides itself: %v", user.Name, len(token.Value), token)
	}
	alice, err := t.client.Users.Get(ctx, t.alice)
	if err != nil {
		return err
	}
	t.say("   RC knows %s as %q, created %s", alice.ID, alice.Name, alice.CreatedAt.Format(time.RFC3339))
	return nil
}

func (t *tour) blocklist(ctx context.Context) error {
	t.sayWhoMayMessage("before")
	if err := t.client.Blocklist.Add(ctx, t.alice, []string{t.bob}); err != nil {
		return err
	}
	for id, err := range t.client.Blocklist.All(ctx, t.alice) {
		if err != nil {
			return err
		}
		t.say("   on Alice's blocklist: %s", id)
	}
	t.sayWhoMayMessage("now")
	return nil
}

func (t *tour) allowlist(ctx context.Context) error {
	if err := t.client.Allowlist.Enable(ctx, []string{t.alice}); err != nil {
		return err
	}
	t.sayWhoMayMessage("with her allowlist on, and empty")
	if err := t.client.Allowlist.Add(ctx, t.alice, []string{t.bob}); err != nil {
		return err
	}
	page, err := t.client.Allowlist.List(ctx, t.alice, rcuser.CursorOptions{})
	if err != nil {
		return err
	}
	t.say("   on Alice's allowlist: %s", page.UserIDs)
	t.sayWhoMayMessage("as the allowlist counts, not the blocklist")
	if err := t.client.Allowlist.Disable(ctx, []string{t.alice}); err != nil {
		return err
	}
	enabled, err := t.client.Allowlist.Enabled(ctx, []string{t.alice})
	if err != nil {
		return err
	}
	t.say("   Alice's allowlist is on: %t", enabled[t.alice])
	t.sayWhoMayMessage("as the blocklist counts again")
	if err := t.client.Allowlist.Remove(ctx, t.alice, []string{t.bob}); err != nil {
		return err
	}
	if err := t.client.Blocklist.Remove(ctx, t.alice, []string{t.bob}); err != nil {
		return err
	}
	t.sayWhoMayMessage("with Bob on neither list")
	return nil
}

func (t *tour) sayWhoMayMessage(when string) {
	if t.fake != nil {
		t.say("   %s: may Bob message Alice? %t. May Alice message Bob? %t",
			when, t.fake.CanMessage(t.bob, t.alice), t.fake.CanMessage(t.alice, t.bob))
	}
}

func (t *tour) ban(ctx context.Context) error {
	if t.fake != nil {
		t.fake.SetOnline(t.bob, true) // what only his phone could do
	}
	if err := t.sayOnline(ctx, "before"); err != nil {
		return err
	}
	if err := t.client.Bans.Add(ctx, []string{t.bob}, 10*time.Minute); err != nil {
		return err
	}
	if err := t.sayOnline(ctx, "banned"); err != nil {
		return err
	}
	if err := t.sayBan(ctx, "now"); err != nil {
		return err
	}
	if t.fake != nil {
		t.fake.Advance(10 * time.Minute)
		return t.sayBan(ctx, "10 minutes later, by the fake's clock")
	}
	if err := t.client.Bans.Remove(ctx, []string{t.bob}); err != nil {
		return err
	}
	return t.sayBan(ctx, "after the ban was removed")
}

func (t *tour) sayOnline(ctx context.Context, when string) error {
	online, err := t.client.Presence.Online(ctx, t.bob)
	if err != nil {
		return err
	}
	t.say("   %s: is Bob online? %t", when, online)
	return nil
}

func (t *tour) sayBan(ctx context.Context, when string) error {
	for ban, err := range t.client.Bans.All(ctx) {
		if err != nil {
			return err
		}
		if ban.UserID == t.bob {
			t.say("   %s: Bob is banned until %s", when, ban.Until.Format(time.RFC3339))
			return nil
		}
	}
	t.say("   %s: Bob is not banned", when)
	return nil
}

func (t *tour) expire(ctx context.Context) error {
	bob := rcuser.Registration{UserID: t.bob, Name: "Bob"}
	stolen, err := t.client.Users.Register(ctx, bob)
	if err != nil {
		return err
	}
	if t.fake != nil {
		t.fake.Advance(time.Second) // tokens expire that were issued before an instant, so let one pass
	}
	now := time.Now()
	if t.fake != nil {
		now = t.fake.Now()
	}
	if err := t.client.Tokens.Expire(ctx, []string{t.bob}, now); err != nil {
		return err
	}
	fresh, err := t.client.Users.Register(ctx, bob)
	if err != nil {
		return err
	}
	t.say("   the tokens from before are expired, and Bob has a new one")
	if t.fake != nil {
		t.say("   does the stolen one let a phone in? %t. The new one? %t",
			t.fake.ValidToken(t.bob, stolen.Value), t.fake.ValidToken(t.bob, fresh.Value))
	}
	return nil
}

func (t *tour) update(ctx context.Context) error {
	name, none := "Alice & Co. 你好 🎉", ""
	if err := t.client.Users.Update(ctx, t.alice, rcuser.UserUpdate{Name: &name, PortraitURI: &none}); err != nil {
		return err
	}
	alice, err := t.client.Users.Get(ctx, t.alice)
	if err != nil {
		return err
	}
	t.say("   RC has name %q and portrait %q", alice.Name, alice.PortraitURI)
	return nil
}

func (t *tour) deactivate(ctx context.Context) error {
	if _, err := t.client.Users.Deactivate(ctx, []string{t.bob}); err != nil {
		return err
	}
	t.say("   RC accepted it, and deletes Bob's data within 15 minutes")
	for id, err := range t.client.Users.AllDeactivated(ctx) {
		if err != nil {
			return err
		}
		if id == t.bob {
			t.say("   %s is among the deactivated users", id)
		}
	}
	_, err := t.client.Users.Register(ctx, rcuser.Registration{UserID: t.bob, Name: "Bob"})
	t.say("   he gets no token: %v", err)
	_, err = t.client.Users.Reactivate(ctx, []string{t.bob})
	t.say("   and can't come back at once: %v", err)
	if t.fake == nil {
		return nil
	}
	t.fake.Advance(time.Hour)
	if _, err := t.client.Users.Reactivate(ctx, []string{t.bob}); err != nil {
		return err
	}
	bob, err := t.client.Users.Get(ctx, t.bob)
	if err != nil {
		return err
	}
	t.say("   an hour later he can; his name is gone for good: %q", bob.Name)
	_, err = t.client.Users.Register(ctx, rcuser.Registration{UserID: t.bob, Name: "Bob"})
	return err
}

// mistakes shows how a program tells one failure from another.
func (t *tour) mistakes(ctx context.Context) error {
	wrong := t.config
	wrong.AppSecret = "not-the-secret"
	client, err := rcuser.NewClient(wrong)
	if err != nil {
		return err
	}
	_, err = client.Presence.Online(ctx, t.alice)
	if !errors.Is(err, rcuser.ErrSignature) {
		return fmt.Errorf("a wrong secret gave %w", err)
	}
	t.say("   a wrong secret, found by errors.Is(err, rcuser.ErrSignature):\n      %v", err)

	tooMany := make([]string, 21)
	for i := range tooMany {
		tooMany[i] = fmt.Sprintf("user%d", i)
	}
	for _, mistake := range []struct {
		what string
		err  error
	}{
		{"21 ids", t.client.Bans.Remove(ctx, tooMany)},
		{"a ban of 90 seconds", t.client.Bans.Add(ctx, []string{t.bob}, 90*time.Second)},
	} {
		if _, ok := errors.AsType[*rcuser.ArgumentError](mistake.err); !ok {
			return fmt.Errorf("%s gave %w", mistake.what, mistake.err)
		}
		t.say("   %s, refused before anything is sent:\n      %v", mistake.what, mistake.err)
	}
	return nil
}
