package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/f0207b22/rcuser"
)

func (t *tour) register(ctx context.Context) error {
	for _, user := range []struct {
		registered trace
		rcuser.Registration
	}{
		{aliceRegistered, rcuser.Registration{UserID: t.alice, Name: "Alice", PortraitURI: "https://example.com/alice.png"}},
		{bobRegistered, rcuser.Registration{UserID: t.bob, Name: "Bob"}},
	} {
		token, err := t.client.Users.Register(ctx, user.Registration)
		if t.leaves(user.registered, err) != nil {
			return err
		}
		t.printf("   %s has a token of %d characters, redacted when printed: %v", user.Name, len(token.Value), token)
	}
	alice, err := t.client.Users.Get(ctx, t.alice)
	if err != nil {
		return err
	}
	t.printf("   RC has %s with the name %q, created %s", alice.ID, alice.Name, alice.CreatedAt.Format(time.RFC3339))
	return nil
}

func (t *tour) blocklist(ctx context.Context) error {
	t.printCanMessage("before")
	if err := t.leaves(blocklistEntry, t.client.Blocklist.Add(ctx, t.alice, []string{t.bob})); err != nil {
		return err
	}
	for id, err := range t.client.Blocklist.All(ctx, t.alice) {
		if err != nil {
			return err
		}
		t.printf("   on Alice's blocklist: %s", id)
	}
	t.printCanMessage("now")
	return nil
}

func (t *tour) allowlist(ctx context.Context) error {
	if err := t.leaves(allowlistSwitch, t.client.Allowlist.Enable(ctx, []string{t.alice})); err != nil {
		return err
	}
	t.printCanMessage("allowlist enabled and empty")
	if err := t.leaves(allowlistEntry, t.client.Allowlist.Add(ctx, t.alice, []string{t.bob})); err != nil {
		return err
	}
	page, err := t.client.Allowlist.List(ctx, t.alice, rcuser.CursorOptions{})
	if err != nil {
		return err
	}
	t.printf("   on Alice's allowlist: %s", page.UserIDs)
	t.printCanMessage("the enabled allowlist overrides the blocklist")
	if err := t.undoes(allowlistSwitch, t.client.Allowlist.Disable(ctx, []string{t.alice})); err != nil {
		return err
	}
	enabled, err := t.client.Allowlist.Enabled(ctx, []string{t.alice})
	if err != nil {
		return err
	}
	t.printf("   is Alice's allowlist enabled? %t", enabled[t.alice])
	t.printCanMessage("allowlist disabled, so the blocklist applies")
	if err := t.undoes(allowlistEntry, t.client.Allowlist.Remove(ctx, t.alice, []string{t.bob})); err != nil {
		return err
	}
	if err := t.undoes(blocklistEntry, t.client.Blocklist.Remove(ctx, t.alice, []string{t.bob})); err != nil {
		return err
	}
	t.printCanMessage("Bob on neither list")
	return nil
}

func (t *tour) printCanMessage(when string) {
	if t.fake != nil {
		t.printf("   %s: can Bob message Alice? %t. Can Alice message Bob? %t",
			when, t.fake.CanMessage(t.bob, t.alice), t.fake.CanMessage(t.alice, t.bob))
	}
}

func (t *tour) ban(ctx context.Context) error {
	if t.fake != nil {
		t.fake.SetOnline(t.bob, true) // on the real service only his phone can do that
	}
	if err := t.printOnline(ctx, "before"); err != nil {
		return err
	}
	if err := t.leaves(bobsBan, t.client.Bans.Add(ctx, []string{t.bob}, 10*time.Minute)); err != nil {
		return err
	}
	if err := t.printOnline(ctx, "banned"); err != nil {
		return err
	}
	if err := t.printBan(ctx, "now"); err != nil {
		return err
	}
	if t.fake != nil {
		t.fake.Advance(10 * time.Minute)
		return t.printBan(ctx, "10 minutes later, by the fake's clock")
	}
	if err := t.undoes(bobsBan, t.client.Bans.Remove(ctx, []string{t.bob})); err != nil {
		return err
	}
	return t.printBan(ctx, "after the ban was removed")
}

func (t *tour) printOnline(ctx context.Context, when string) error {
	online, err := t.client.Presence.Online(ctx, t.bob)
	if err != nil {
		return err
	}
	t.printf("   %s: is Bob online? %t", when, online)
	return nil
}

func (t *tour) printBan(ctx context.Context, when string) error {
	for ban, err := range t.client.Bans.All(ctx) {
		if err != nil {
			return err
		}
		if ban.UserID == t.bob {
			t.printf("   %s: Bob is banned until %s", when, ban.Until.Format(time.RFC3339))
			return nil
		}
	}
	t.printf("   %s: Bob is not banned", when)
	return nil
}

func (t *tour) expire(ctx context.Context) error {
	bob := rcuser.Registration{UserID: t.bob, Name: "Bob"}
	stolen, err := t.client.Users.Register(ctx, bob)
	if err != nil {
		return err
	}
	if t.fake != nil {
		t.fake.Advance(time.Second) // Expire covers tokens issued before a time, so the stolen one must be older
	}
	now := time.Now()
	if t.fake != nil {
		now = t.fake.Now()
	}
	if err := t.client.Tokens.Expire(ctx, []string{t.bob}, now); err != nil {
		return err
	}
	renewed, err := t.client.Users.Register(ctx, bob)
	if err != nil {
		return err
	}
	t.printf("   Bob's earlier tokens are expired, and he has a new one")
	if t.fake != nil {
		t.printf("   can a phone connect with the stolen token? %t. With the new one? %t",
			t.fake.ValidToken(t.bob, stolen.Value), t.fake.ValidToken(t.bob, renewed.Value))
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
	t.printf("   RC has name %q and portrait %q", alice.Name, alice.PortraitURI)
	return nil
}

func (t *tour) deactivate(ctx context.Context) error {
	if err := t.deactivateUser(ctx, bobRegistered, t.bob); err != nil {
		return err
	}
	t.printf("   RC accepted the deactivation, and deletes Bob's data within 15 minutes")
	for id, err := range t.client.Users.AllDeactivated(ctx) {
		if err != nil {
			return err
		}
		if id == t.bob {
			t.printf("   %s is among the deactivated users", id)
		}
	}
	_, err := t.client.Users.Register(ctx, rcuser.Registration{UserID: t.bob, Name: "Bob"})
	_ = t.leaves(bobRegistered, err)
	t.printf("   registering him is refused: %v", err)
	_, err = t.client.Users.Reactivate(ctx, []string{t.bob})
	_ = t.leaves(bobRegistered, err)
	t.printf("   reactivating him within the first hour is refused: %v", err)
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
	t.printf("   an hour later he is reactivated, but his name was deleted: %q", bob.Name)
	_, err = t.client.Users.Register(ctx, rcuser.Registration{UserID: t.bob, Name: "Bob"})
	return err
}

// mistakes shows how a program distinguishes errors.
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
	t.printf("   a wrong secret, matched by errors.Is(err, rcuser.ErrSignature):\n      %v", err)

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
		t.printf("   %s, refused before anything is sent:\n      %v", mistake.what, mistake.err)
	}
	return nil
}
