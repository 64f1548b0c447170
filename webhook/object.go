package webhook

import "slices"

// object has an event's fields in the order of the body. A struct with JSON tags wouldn't do: encoding/json matches userid
// and userId alike, but these two tell RC's events apart.
type object []field

type field struct {
	name  []byte
	value value
}

// get returns the value of a field, or the zero value if there is none. Like encoding/json, it takes the last of several.
func (o object) get(name string) value {
	for _, f := range slices.Backward(o) {
		if string(f.name) == name {
			return f.value
		}
	}
	return value{}
}

// has reports whether the field exists and isn't null.
func (o object) has(name string) bool { return o.get(name).exists() }

// decode returns the event, an UnknownEvent with raw if its kind isn't known, or an error if a field is missing or invalid.
func (o object) decode(raw []byte, f format) (Event, error) {
	var err error
	r := fieldReader{fields: o, sentAt: f.sentAt, err: &err}
	e := r.event(f.envelope)
	if e == nil {
		return unknownEvent(raw), nil
	}
	return e, err
}

// selfDescribing recognizes each kind of event by fields that no other kind has.
func (r *fieldReader) selfDescribing() Event {
	switch o := r.fields; {
	case o.has("operateId"):
		return r.deactivation("type")
	case o.has("userid") && o.has("status"):
		return r.presence("userid")
	case o.has("eventType") && o.has("toUserId"):
		return r.friendship("eventType", "source")
	case o.has("userProfile") || o.has("userExtProfile") || o.isClearedProfile():
		return r.profile("userId", "type", "userExtProfile")
	}
	return nil
}

// isClearedProfile recognizes the only event without a field of its own, by its exact set of fields.
func (o object) isClearedProfile() bool {
	for _, f := range o {
		switch string(f.name) {
		case "userId", "type", "time":
		default:
			return false
		}
	}
	change, ok := o.get("type").looseString()
	return o.has("userId") && o.has("time") && ok && ProfileChange(change) == ProfileCleared
}

func (r *fieldReader) presence(userIDField string) Event {
	return PresenceEvent{
		UserID: r.required(userIDField), Status: Status(r.required("status")), OS: r.optional("os"), Time: r.timestamp(),
		ClientIP: r.optional("clientIp"), SessionID: r.optional("sessionId"),
	}
}

func (r *fieldReader) deactivation(typeField string) Event {
	return DeactivationEvent{
		UserID: r.required("userId"), OperationID: r.required("operateId"), Type: OperationType(r.required(typeField)),
		Code: r.required("code"), Time: r.timestamp(),
	}
}

func (r *fieldReader) profile(userIDField, changeField, extField string) Event {
	e := ProfileEvent{
		UserID: r.required(userIDField), Change: ProfileChange(r.optional(changeField)), Time: r.timestamp(),
		Profile: r.jsonObject("userProfile"), ExtProfile: r.jsonObject(extField),
	}
	if e.Change == "" {
		e.Change = ProfileModified
	}
	return e
}

func (r *fieldReader) friendship(changeField, sourceField string) Event {
	return FriendshipEvent{
		UserID: r.required("userId"), ToUserID: r.required("toUserId"), Change: FriendshipChange(r.required(changeField)),
		Source: r.optional(sourceField), Extra: r.optional("extra"), Time: r.timestamp(),
	}
}
