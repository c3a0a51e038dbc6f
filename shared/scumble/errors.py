# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error a person may see, as one tree split by what that person can do about it.

    ScumbleError
      BadRequest          change what is asked; refused here, nothing was sent
        UnknownModel, ModelEnded, UnsupportedOption, BadSize, BadPicture, BadTable, NothingSelected
        BadPackage
      SetupError          mend the set-up
        KeyMissing, KeyRefused, KeychainUnavailable, AccessDenied, ModelUnavailable, MissingPart
        EditsNotOffered
        OnlineAccessOff
        PackageMissing, ProfileMissing, NotEverywhere, ProblemsFound
      MoneyError          the money is gone or capped
        QuotaExhausted, BillingLimit, BudgetExceeded
      ServiceRefusal      the service will not make this picture
        ModerationBlocked, RequestRejected
        ConversationGone, NoPictureMade
      TryLater            the same request may work in a while; no work was done
        NotConnected, RateLimited, Overloaded, NoUsableAnswer
      OutcomeUnknown      the picture may have been made and billed, but did not arrive
        ConnectionLost, UploadCutShort, TimedOut, ServerFault, BadReply, StreamFailed
        AnswerAwaited, AnswerGone
      StorageError        the data folder cannot be used
        StorageFailedAfterSending, FolderUnusable, LedgerDamaged, LedgerBusy, LedgerOfAnother
      RowsLeft            a list was worked on, and not all of it was made
      NotSaved            the picture is paid for and kept, but not where it was wanted
      Stopped             the person stopped it
        StoppedAfterSending

Each has a stable `code`, a sentence, what it means for the money, and a remedy. The texts are templates:
their `{names}` are filled from the keyword arguments, which must never be a key, a prompt or a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum

from .translation import N_, _


class Billing(Enum):
    """What an error means for the user's money."""

    NOTHING = "nothing"
    MAYBE = "maybe"
    BILLED = "billed"


_MONEY = {
    Billing.NOTHING: N_("Nothing was billed."),
    Billing.MAYBE: N_("It may still be billed."),
    Billing.BILLED: N_("It was billed."),
}


class Exit(IntEnum):
    """Exit codes of the command line and of headless hosts."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BUDGET = 3
    REFUSED = 4
    UNKNOWN = 5


class ScumbleError(Exception):
    """Base of the tree. `str()` is the three sentences in the current language."""

    code = "scumble-error"
    sentence = N_("Something went wrong.")
    remedy = ""
    billing = Billing.NOTHING
    exit_code = Exit.FAILED

    def __init__(self, **details: object) -> None:
        super().__init__()
        self.details = details

    def __str__(self) -> str:
        return " ".join(part for part in (self.what_happened, self.money, self.what_to_do) if part)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.details)

    @property
    def what_happened(self) -> str:
        return self._filled(self.sentence)

    @property
    def money(self) -> str:
        return _(_MONEY[self.billing])

    @property
    def what_to_do(self) -> str:
        return self._filled(self.remedy)

    def _filled(self, template: str) -> str:
        return _(template).format_map(_Given(self.details))


class _Given(dict[str, object]):
    """Details in which a missing one stays `{name}`: an error must never fail while it is shown."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def _rebuild(kind: type[ScumbleError], details: dict[str, object]) -> ScumbleError:
    return kind(**details)


class BadRequest(ScumbleError):
    """What was asked cannot be asked; found before anything was sent."""

    code = "bad-request"
    sentence = N_("This request cannot be made: {reason}.")
    exit_code = Exit.USAGE


class UnknownModel(BadRequest):
    code = "unknown-model"
    sentence = N_("There is no model named {model} in the catalogue.")
    remedy = N_("Choose one of: {choices}.")


class ModelEnded(BadRequest):
    code = "model-ended"
    sentence = N_("The model {model} was shut down on {date}.")
    remedy = N_("Use {successor} instead.")


class UnsupportedOption(BadRequest):
    code = "unsupported-option"
    sentence = N_("{model} does not take {option} = {value}.")
    remedy = N_("What works: {choices}.")


class NotInBatches(UnsupportedOption):
    code = "not-in-batches"
    sentence = N_("{model} cannot be asked through the Batch API.")
    remedy = N_("What works: a live request, or one of {choices}.")


class BadSize(BadRequest):
    code = "bad-size"
    sentence = N_("{model} cannot make a picture of {size}: {reason}.")
    remedy = N_("The nearest size that works is {nearest}.")


class BadPicture(BadRequest):
    code = "bad-picture"
    sentence = N_("The picture {name} cannot be used: {reason}.")
    remedy = N_("Send a PNG, JPEG or WebP picture under 50 MB.")


class BadTable(BadRequest):
    """A list of things to make with rows that cannot be made; `problems` names each by its line."""

    code = "bad-table"
    sentence = N_("The list {name} cannot be used: {problems}.")
    remedy = N_("Mend it; nothing was sent.")


class BadPackage(BadRequest):
    code = "bad-package"
    sentence = N_("The file {path} cannot be installed: {reason}.")
    remedy = N_("Get it again from where you got this command.")


class NothingSelected(BadRequest):
    code = "nothing-selected"
    sentence = N_("Nothing is selected.")
    remedy = N_("Make a selection, or choose the whole layer.")


class SetupError(ScumbleError):
    """The key, the account or the installation needs attention."""

    code = "setup"
    sentence = N_("Scumble is not set up for this: {reason}.")


class KeyMissing(SetupError):
    code = "key-missing"
    sentence = N_("There is no API key.")
    remedy = N_(
        "Set the environment variable OPENAI_API_KEY, run `scumble key set`, or put the key into {path}."
    )


class KeyRefused(SetupError):
    code = "key-refused"
    sentence = N_("The service does not accept the API key.")
    remedy = N_("Check the key from {source}, or make a new one in your account.")
    exit_code = Exit.REFUSED


class KeychainUnavailable(SetupError):
    code = "keychain-unavailable"
    sentence = N_("The {keychain} cannot be used: {reason}.")
    remedy = N_("Unlock it and try again, or keep the key in a file: scumble key set --file")


class AccessDenied(SetupError):
    code = "access-denied"
    sentence = N_("This account may not use {model} from here.")
    remedy = N_(
        "Verify your organisation with the service (it can take 15 minutes to count), and check that"
        " your country is supported."
    )
    exit_code = Exit.REFUSED


class ListingDenied(AccessDenied):
    code = "listing-denied"
    sentence = N_("The service knows the API key from {source}, but does not let it list the models.")
    remedy = N_("It may make pictures all the same. To test it, allow the key to list models.")


class ModelUnavailable(SetupError):
    code = "model-unavailable"
    sentence = N_("The service does not offer {model} to this account.")
    remedy = N_("Choose another model.")
    exit_code = Exit.REFUSED


class EditsNotOffered(SetupError):
    """Some servers make pictures and have no way to change one."""

    code = "edits-not-offered"
    sentence = N_("The server at this address changes no pictures (HTTP {status}).")
    remedy = N_("Make a new picture there, or use another server.")
    exit_code = Exit.REFUSED


class MissingPart(SetupError):
    code = "missing-part"
    sentence = N_("{part} is needed for this and is not installed.")
    remedy = N_("Install it with: {command}")


class OnlineAccessOff(SetupError):
    code = "online-access-off"
    sentence = N_("Online access is switched off in {host}.")
    remedy = N_("Allow it in {place}.")


class PackageMissing(SetupError):
    code = "package-missing"
    sentence = N_("The file with Scumble for {host} was not found.")
    remedy = N_("Get {name} from where you got this command, and name it: --zip FILE")


class ProfileMissing(SetupError):
    """Neither a profile nor a program that would make one."""

    code = "profile-missing"
    sentence = N_("No profile of {host} that runs Scumble was found.")
    remedy = N_("Start {host} once and close it, or name the folder of its profile: --profile DIR")


class NotEverywhere(SetupError):
    """`report` is the document that tells of each profile."""

    code = "not-everywhere"
    sentence = N_("In {failed} of {count} profiles it could not be done.")
    remedy = N_("Close the program and try again; what is said of each profile tells more.")
    report: Mapping[str, object] = {}


class ProblemsFound(SetupError):
    """`report` is the document of all findings."""

    code = "problems-found"
    sentence = N_("Found what keeps Scumble from working as it should: {count}.")
    remedy = N_("Do what is said of each, then run it again.")
    report: Mapping[str, object] = {}


class MoneyError(ScumbleError):
    """There is no money for it: the service's limits, or the person's own budget."""

    code = "money"
    sentence = N_("The service stopped this for reasons of money.")
    exit_code = Exit.REFUSED


class QuotaExhausted(MoneyError):
    code = "quota-exhausted"
    sentence = N_("The account has no credit left, or its spending limit is reached.")
    remedy = N_("Add credit or raise the limit in your account's billing settings.")


class BillingLimit(MoneyError):
    code = "billing-limit"
    sentence = N_("The account's hard billing limit is reached.")
    remedy = N_("Raise the limit in your account's billing settings.")


class BudgetExceeded(MoneyError):
    """A budget of the person's own has no room for the upper bound of the price; nothing was sent."""

    code = "budget-exceeded"
    sentence = N_("{budget} has {left} of {limit} left, and this may cost up to {cost}.")
    remedy = N_(
        "Ask for something cheaper, raise the budget (scumble budget set {setting} AMOUNT), or go over it on"
        " purpose, for this one action (--over-budget)."
    )
    exit_code = Exit.BUDGET


class PriceUnknown(BudgetExceeded):
    """Nobody knows the price, so no budget can hold."""

    code = "price-unknown"
    sentence = N_("{budget} cannot hold: the price of {model} is not known.")
    remedy = N_(
        "Choose a model with a price, add its prices to the catalogue, or go over the budget on purpose, for"
        " this one action (--over-budget)."
    )


class ServiceRefusal(ScumbleError):
    """The service understood the request and will not fulfil it."""

    code = "service-refusal"
    sentence = N_("The service refused the request.")
    exit_code = Exit.REFUSED


class ModerationBlocked(ServiceRefusal):
    code = "moderation-blocked"
    sentence = N_("The service refused the words or the picture (moderation).")
    remedy = N_("Change the wording or the picture.")


class ModerationBlockedAfterwards(ModerationBlocked):
    """The finished picture was held back: work was done, and may be billed."""

    code = "moderation-blocked-afterwards"
    sentence = N_("The service made a picture and held it back (moderation).")
    billing = Billing.MAYBE


class RequestRejected(ServiceRefusal):
    code = "request-rejected"
    sentence = N_("The service rejected the request: {kind}, about {param}.")
    remedy = N_("Change that option, or report this to Scumble's maintainers.")


class FieldNotKnown(RequestRejected):
    """Other servers know fewer fields than OpenAI's own; a user can say which."""

    code = "field-not-known"
    sentence = N_("The server does not know the option {param}.")
    remedy = N_(
        'Have it left out: add "omit": ["{param}"] for the server\'s host to servers.json in the data folder.'
    )


class ConversationGone(ServiceRefusal):
    """The turn to follow is not there, for instance because it is too long ago, or was the sandbox's."""

    code = "conversation-gone"
    sentence = N_(
        "The service does not have the turn before, or no longer: it keeps them for a limited time."
    )
    remedy = N_("Begin anew with its picture: scumble results export, then scumble turn --image")


class NoPictureMade(ServiceRefusal):
    """The service ended its work without a picture; who raises it sets `billing` where more is known."""

    code = "no-picture-made"
    sentence = N_("The service ended its work without a picture: {reason}.")
    remedy = N_("Change the wording, or ask again.")
    billing = Billing.MAYBE


class TryLater(ScumbleError):
    """No work was done; the same request may succeed later."""

    code = "try-later"
    sentence = N_("The service cannot take the request now.")
    remedy = N_("Try again in a while.")


class NotConnected(TryLater):
    code = "not-connected"
    sentence = N_("The service at {host} could not be reached, and nothing was sent.")
    remedy = N_("Check the network and the proxy, then try again.")


class RateLimited(TryLater):
    code = "rate-limited"
    sentence = N_("The account's rate limit is reached.")
    remedy = N_("Try again in {seconds} s.")


class Overloaded(TryLater):
    code = "overloaded"
    sentence = N_("The service is overloaded.")


class NoUsableAnswer(TryLater):
    """To a question that costs nothing, such as which models there are."""

    code = "no-usable-answer"
    sentence = N_("The service at {host} gave no usable answer: {reason}.")


class OutcomeUnknown(ScumbleError):
    """The request went out and no usable answer came back."""

    code = "outcome-unknown"
    sentence = N_("No usable answer came back.")
    remedy = N_(
        "It is listed as unknown under Spending. Sending it again may pay twice, so this is never done"
        " by itself."
    )
    billing = Billing.MAYBE
    exit_code = Exit.UNKNOWN


class ConnectionLost(OutcomeUnknown):
    code = "connection-lost"
    sentence = N_("The connection broke after the request was sent.")


class UploadCutShort(OutcomeUnknown):
    """A file changed under the request that was sending it, and the connection was closed upon that."""

    code = "upload-cut-short"
    sentence = N_(
        "The picture {name} changed or went away while it was being sent, so the sending was broken off."
    )


class TimedOut(OutcomeUnknown):
    code = "timed-out"
    sentence = N_("The service did not answer within {seconds} s.")


class ServerFault(OutcomeUnknown):
    code = "server-fault"
    sentence = N_("The service failed while working (HTTP {status}).")


class BadReply(OutcomeUnknown):
    code = "bad-reply"
    sentence = N_("The service's answer cannot be used: {reason}.")


class StreamEnded(BadReply):
    """Partial pictures came, or none, and then neither the finished one nor a reason."""

    code = "stream-ended"
    sentence = N_("The service's answer broke off: {reason}.")


class StreamFailed(OutcomeUnknown):
    code = "stream-failed"
    sentence = N_("The service failed while it drew the picture: {kind}.")


class AnswerAwaited(OutcomeUnknown):
    """The service works on it in the background, or keeps the answer, and it can be fetched at any time."""

    code = "answer-awaited"
    sentence = N_("The answer is not here yet: {reason}.")
    remedy = N_("The service keeps it; to fetch it costs nothing: scumble results fetch")


class AnswerGone(OutcomeUnknown):
    """Asked for by its name, the service no longer has it."""

    code = "answer-gone"
    sentence = N_("The service does not have the answer, or no longer: it keeps them for a limited time.")
    remedy = N_(
        "It is listed as unknown under Spending. Was it asked with another key, fetch it with that one; else"
        " settle it by the service's bill: scumble spend settle"
    )


class StorageError(ScumbleError):
    code = "storage"
    sentence = N_("The data folder {path} cannot be used: {reason}.")
    remedy = N_("Free some space or check its permissions; SCUMBLE_HOME chooses another folder.")


class LedgerDamaged(StorageError):
    """A new ledger in its place would forget what was spent, and every budget with it."""

    code = "ledger-damaged"
    sentence = N_("The ledger in {path} cannot be read: {reason}.")
    remedy = N_(
        "Nothing paid is asked for while the budgets cannot be read. Run `scumble spend recover`: it saves"
        " what is readable and keeps the damaged file. Or put back a copy of ledger.sqlite3."
    )


class LedgerBusy(StorageError):
    code = "ledger-busy"
    sentence = N_("The ledger in {path} cannot be used now: {reason}.")
    remedy = N_("Try again; if it stays so, close the other programs that use Scumble.")


class LedgerOfAnother(StorageError):
    """It is whole, and not for this version to read."""

    code = "ledger-of-another"
    sentence = N_("The ledger in {path} cannot be used: {reason}.")
    remedy = N_("Update Scumble here, or choose another data folder with SCUMBLE_HOME.")


class StorageFailedAfterSending(StorageError):
    """The service did its work, and the data folder did not take the reply or its bill."""

    code = "storage-after-sending"
    sentence = N_("The service answered, but the data folder {path} cannot be used: {reason}.")
    billing = Billing.MAYBE
    exit_code = Exit.UNKNOWN


class BillNotRecorded(StorageFailedAfterSending):
    """The reply is on disk; only the ledger could not be told what it cost."""

    code = "bill-not-recorded"
    sentence = N_(
        "The picture arrived and is kept in {folder}, but the data folder {path} cannot be used: {reason}."
    )
    remedy = N_(
        "Free some space, then run `scumble results`: the bill is recorded, and the picture restored without"
        " paying again."
    )


class FolderUnusable(StorageError):
    """The folder that a person named for what is made, and for the record of it."""

    code = "folder-unusable"
    sentence = N_("The folder {path} cannot be used: {reason}.")
    remedy = N_("Free some space or check its permissions, or choose another folder.")


class NotSaved(ScumbleError):
    """The request was settled; only the file that was asked for is missing."""

    code = "not-saved"
    sentence = N_("The picture was made, but {path} could not be written: {reason}.")
    remedy = N_("It is kept in {folder}.")
    billing = Billing.BILLED


class RowsLeft(ScumbleError):
    """Of a list some rows are not made; `report` is the document that tells of each."""

    code = "rows-left"
    sentence = N_("{done} of {count} rows are done.")
    remedy = N_("Run the same command again for the rest: what is done is not bought again.")
    report: Mapping[str, object] = {}


class Stopped(ScumbleError):
    code = "stopped"
    sentence = N_("Stopped.")


class StoppedAfterSending(Stopped):
    """Stopped by the person while the service was at work; what arrives is kept."""

    code = "stopped-after-sending"
    sentence = N_("Stopped while the service was at work.")
    remedy = N_("If the picture arrives it is kept under Results.")
    billing = Billing.MAYBE
    exit_code = Exit.UNKNOWN


class LeftAfterSending(StoppedAfterSending):
    """Stopped with the program itself: nobody waits for the picture any more."""

    code = "left-after-sending"
    remedy = OutcomeUnknown.remedy
