// The page an invitation's link opens. The token rides in the fragment, which browsers send to
// nobody; opening the page consumes nothing, only accepting does.

const texts = {
  fr: {
    waiting: 'Lecture de votre invitation…',
    broken: 'Cette invitation ne peut pas être ouverte',
    missing: 'Le lien est incomplet. Ouvrez-le de nouveau depuis le courriel, ou copiez-le en entier.',
    offline: 'Le service ne répond pas. Vérifiez votre connexion et réessayez.',
    ask: (name) => name
      ? `Besoin d’aide ? Demandez une nouvelle invitation à ${name}.`
      : 'Besoin d’aide ? Demandez une nouvelle invitation à l’organisation qui vous a écrit.',
    active: 'Votre compte est déjà actif',
    signIn: 'Connectez-vous avec votre mot de passe.',
    retry: 'Réessayer',
    greeting: (name) => `Bonjour ${name}`,
    client: (name) => `${name} vous invite à activer votre compte client.`,
    staff: (name) => `${name} vous invite à rejoindre son équipe.`,
    username: 'Votre nom d’utilisateur',
    email: 'Votre adresse courriel',
    emailSignsIn: 'permet aussi de vous connecter',
    emailDoesNot: 'pour vous écrire seulement ; elle ne permet pas de vous connecter',
    choose: 'Choisissez un mot de passe',
    chooseHint: 'Au moins 8 caractères. Une courte phrase se retient bien.',
    known: 'Votre mot de passe actuel',
    knownHint: 'Vous avez déjà un compte : entrez son mot de passe pour accepter.',
    show: 'Afficher le mot de passe',
    accept: 'Accepter l’invitation',
    empty: 'Entrez un mot de passe.',
    short: 'Le mot de passe doit avoir au moins 8 caractères.',
    done: 'Votre compte est actif',
    doneText: 'Vous pouvez vous connecter avec :',
  },
  en: {
    waiting: 'Reading your invitation…',
    broken: 'This invitation cannot be opened',
    missing: 'The link is incomplete. Open it again from the mail, or copy all of it.',
    offline: 'The service does not answer. Check your connection and try again.',
    ask: (name) => name
      ? `Need help? Ask ${name} for a new invitation.`
      : 'Need help? Ask the organisation that wrote to you for a new invitation.',
    active: 'Your account is active already',
    signIn: 'Sign in with your password.',
    retry: 'Try again',
    greeting: (name) => `Hello ${name}`,
    client: (name) => `${name} invites you to activate your client account.`,
    staff: (name) => `${name} invites you to join its staff.`,
    username: 'Your username',
    email: 'Your e-mail address',
    emailSignsIn: 'signs in as well',
    emailDoesNot: 'for writing to you only; it does not sign in',
    choose: 'Choose a password',
    chooseHint: 'At least 8 characters. A short sentence is easy to remember.',
    known: 'Your current password',
    knownHint: 'You have an account already: enter its password to accept.',
    show: 'Show the password',
    accept: 'Accept the invitation',
    empty: 'Enter a password.',
    short: 'The password needs at least 8 characters.',
    done: 'Your account is active',
    doneText: 'You can sign in with:',
  },
  nl: {
    waiting: 'Uw uitnodiging wordt gelezen…',
    broken: 'Deze uitnodiging kan niet geopend worden',
    missing: 'De link is onvolledig. Open hem opnieuw vanuit de mail, of kopieer hem helemaal.',
    offline: 'De dienst antwoordt niet. Controleer uw verbinding en probeer opnieuw.',
    ask: (name) => name
      ? `Hulp nodig? Vraag een nieuwe uitnodiging aan ${name}.`
      : 'Hulp nodig? Vraag een nieuwe uitnodiging aan de organisatie die u schreef.',
    active: 'Uw account is al actief',
    signIn: 'Meld u aan met uw wachtwoord.',
    retry: 'Opnieuw proberen',
    greeting: (name) => `Dag ${name}`,
    client: (name) => `${name} nodigt u uit om uw cliëntaccount te activeren.`,
    staff: (name) => `${name} nodigt u uit om bij het team te komen.`,
    username: 'Uw gebruikersnaam',
    email: 'Uw e-mailadres',
    emailSignsIn: 'hiermee kunt u zich ook aanmelden',
    emailDoesNot: 'enkel om u te schrijven; hiermee kunt u zich niet aanmelden',
    choose: 'Kies een wachtwoord',
    chooseHint: 'Minstens 8 tekens. Een korte zin is makkelijk te onthouden.',
    known: 'Uw huidige wachtwoord',
    knownHint: 'U hebt al een account: geef het wachtwoord ervan om te aanvaarden.',
    show: 'Wachtwoord tonen',
    accept: 'Uitnodiging aanvaarden',
    empty: 'Geef een wachtwoord.',
    short: 'Het wachtwoord heeft minstens 8 tekens nodig.',
    done: 'Uw account is actief',
    doneText: 'U kunt zich aanmelden met:',
  },
};

const element = (id) => document.getElementById(id);
const show = (id) => {
  for (const part of ['waiting', 'broken', 'invitation', 'done']) {
    element(part).hidden = part !== id;
  }
};

let language = 'fr';
let text = texts.fr;
const speak = (tags) => {
  for (const tag of tags) {
    const primary = String(tag).split('-')[0].toLowerCase();
    if (!texts[primary]) continue;
    language = primary;
    text = texts[primary];
    document.documentElement.lang = primary;
    return;
  }
};

// The fragment is the token, alone or as `token=…`.
const token = () => {
  const fragment = location.hash.slice(1);
  return new URLSearchParams(fragment).get('token') ?? fragment;
};

class Refusal extends Error {
  constructor(status, error) {
    super(error?.message ?? '');
    const details = error?.details ?? [];
    const named = (name) => details.find((detail) => detail['@type']?.endsWith(name));
    this.status = status;
    this.reason = named('google.rpc.ErrorInfo')?.reason ?? '';
    this.text = named('google.rpc.LocalizedMessage')?.message ?? text.offline;
  }
}

const call = async (path, body) => {
  let answer;
  try {
    answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'accept-language': language },
      body: JSON.stringify(body),
      cache: 'no-store',
    });
  } catch {
    throw new Refusal(0, null);
  }
  const json = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(answer.status, json?.error);
  return json ?? {};
};

let inviter = '';

const refuse = (refusal) => {
  const passing = refusal.status === 0 || refusal.status === 429 || refusal.status >= 500;
  // Who opens the mail once more has done all there is to do.
  const done = refusal.reason === 'INVITATION_ACCEPTED';
  element('broken-title').textContent = done ? text.active : text.broken;
  element('broken-text').textContent = done ? '' : refusal.text;
  element('broken-way').textContent = done ? text.signIn : passing ? '' : text.ask(inviter);
  element('broken-retry').textContent = text.retry;
  element('broken-retry').hidden = !passing;
  show('broken');
};

const present = (invitation) => {
  inviter = invitation.organizationName ?? '';
  speak([invitation.language ?? '']);
  const isStaff = invitation.purpose === 'INVITATION_PURPOSE_JOIN_STAFF';
  const fill = {
    greeting: text.greeting(invitation.displayName ?? ''),
    who: isStaff ? text.staff(inviter) : text.client(inviter),
    'username-label': text.username,
    username: invitation.username ?? '',
    'email-label': text.email,
    email: `${invitation.maskedEmail ?? ''} (${
      invitation.emailSignsIn ? text.emailSignsIn : text.emailDoesNot})`,
    'password-label': invitation.passwordSet ? text.known : text.choose,
    'password-hint': invitation.passwordSet ? text.knownHint : text.chooseHint,
    'show-label': text.show,
    accept: text.accept,
  };
  for (const [id, value] of Object.entries(fill)) element(id).textContent = value;
  document.title = inviter || 'Clientele';
  element('email-row').hidden = !invitation.maskedEmail;
  element('account').value = invitation.username ?? '';
  element('password').autocomplete = invitation.passwordSet ? 'current-password' : 'new-password';
  element('form').dataset.known = invitation.passwordSet ? 'yes' : '';
  show('invitation');
};

const succeed = (names) => {
  element('done-title').textContent = text.done;
  element('done-text').textContent = text.doneText;
  element('done-names').replaceChildren(...names.map((name) => {
    const item = document.createElement('li');
    item.textContent = name;
    return item;
  }));
  // The spent token need not stay in the address bar; a reload shows the names again.
  history.replaceState({ names, language }, '', location.pathname);
  show('done');
  element('done-title').focus();
};

// One word for one intent: pressing twice, or again after a lost answer, accepts once. Another
// password, or another link, is another intent.
let requestId = '';
let intended = '';

const accept = async (event) => {
  event.preventDefault();
  const password = element('password').value;
  const refusal = element('refusal');
  refusal.textContent = '';
  if (!password) {
    refusal.textContent = text.empty;
  } else if (!element('form').dataset.known && [...password].length < 8) {
    refusal.textContent = text.short;
  }
  if (refusal.textContent) {
    element('password').focus();
    return;
  }
  const intent = `${token()} ${password}`;
  if (intent !== intended) requestId = crypto.randomUUID?.() ?? '';
  intended = intent;
  element('accept').disabled = true;
  try {
    const body = { token: token(), password };
    if (requestId) body.requestId = requestId;
    const accepted = await call('/v1/invitations:accept', body);
    succeed([accepted.username, accepted.loginEmail].filter(Boolean));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // What was refused is over; what was only not answered is not.
    if (error.status >= 400 && error.status < 500) intended = '';
    if (error.reason.startsWith('INVITATION_')) {
      refuse(error);
    } else {
      refusal.textContent = error.text;
      element('password').focus();
    }
  } finally {
    element('accept').disabled = false;
  }
};

const open = async () => {
  const asked = token();
  if (!asked && history.state?.names) {
    speak([history.state.language]);
    succeed(history.state.names);
    return;
  }
  // Another link may have been here before.
  element('form').reset();
  element('password').type = 'password';
  element('refusal').textContent = '';
  element('waiting').textContent = text.waiting;
  show('waiting');
  if (!asked) {
    const refusal = new Refusal(400, null);
    refusal.text = text.missing;
    refuse(refusal);
    return;
  }
  try {
    const invitation = await call('/v1/invitations:lookup', { token: asked });
    if (asked === token()) present(invitation);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (asked === token()) refuse(error);
  }
};

speak(navigator.languages ?? [navigator.language]);
element('form').addEventListener('submit', accept);
element('show').addEventListener('change', (event) => {
  element('password').type = event.target.checked ? 'text' : 'password';
});
element('broken-retry').addEventListener('click', open);
addEventListener('hashchange', open);
open();
