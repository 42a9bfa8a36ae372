/// What an invitation says, in Mustache; `{{{x}}}` because the phrases are plain text, which the
/// layout of the HTML part escapes as a whole.
struct InvitationPhrases: Sendable {
  let subject: String
  let greeting: String
  let introduction: String
  let signIn: String
  let action: String
  let expiry: String
  let unexpected: String
  let closing: String

  /// Nil for what is no invitation.
  static func of(_ purpose: MessagePurpose, in language: MailLanguage) -> InvitationPhrases? {
    switch (purpose, language) {
    case (.clientInvitation, .english): englishClient
    case (.clientInvitation, .french): frenchClient
    case (.clientInvitation, .dutch): dutchClient
    case (.staffInvitation, .english): englishStaff
    case (.staffInvitation, .french): frenchStaff
    case (.staffInvitation, .dutch): dutchStaff
    case (.appReminder, _): nil
    }
  }
}

// MARK: English

extension InvitationPhrases {
  static let englishClient = english(
    subject: "{{{organization}}} invites you to your client account",
    introduction: """
      {{{organization}}} has created a client account for you. Open the link below to activate it. \
      On the page that opens you choose your password, or enter the one you already have.
      """,
    action: "Activate my account")

  static let englishStaff = english(
    subject: "{{{organization}}} invites you to join its team",
    introduction: """
      {{{organization}}} invites you to join its team. Open the link below to accept. On the page \
      that opens you choose your password, or enter the one you already have.
      """,
    action: "Join the team")

  private static func english(
    subject: String, introduction: String, action: String
  ) -> InvitationPhrases {
    InvitationPhrases(
      subject: subject, greeting: "Hello{{#named}} {{{name}}}{{/named}},",
      introduction: introduction,
      signIn: """
        {{#emailSignsIn}}From then on you sign in with your e-mail address, {{{email}}}, or with \
        your username, {{{username}}}.{{/emailSignsIn}}{{^emailSignsIn}}From then on you sign in \
        with your username, {{{username}}}. Your e-mail address does not sign in to this account; \
        it is only used to write to you.{{/emailSignsIn}}
        """,
      action: action, expiry: "The link can be used until {{{expires}}}.",
      unexpected: """
        You did not expect this message? Then you need not do anything: without the link nothing \
        happens. If your address was used by mistake, please tell {{{organization}}}.
        """,
      closing: """
        This message was sent automatically by Clientele for {{{organization}}}. Nobody reads \
        answers to it.
        """)
  }
}

// MARK: French

extension InvitationPhrases {
  static let frenchClient = french(
    subject: "{{{organization}}} vous invite à activer votre compte client",
    introduction: """
      {{{organization}}} a créé un compte client pour vous. Ouvrez le lien ci-dessous pour \
      l’activer. Sur la page qui s’ouvre, vous choisissez votre mot de passe, ou vous entrez celui \
      que vous avez déjà.
      """,
    action: "Activer mon compte")

  static let frenchStaff = french(
    subject: "{{{organization}}} vous invite à rejoindre son équipe",
    introduction: """
      {{{organization}}} vous invite à rejoindre son équipe. Ouvrez le lien ci-dessous pour \
      accepter. Sur la page qui s’ouvre, vous choisissez votre mot de passe, ou vous entrez celui \
      que vous avez déjà.
      """,
    action: "Rejoindre l’équipe")

  private static func french(
    subject: String, introduction: String, action: String
  ) -> InvitationPhrases {
    InvitationPhrases(
      subject: subject, greeting: "Bonjour{{#named}} {{{name}}}{{/named}},",
      introduction: introduction,
      signIn: """
        {{#emailSignsIn}}Ensuite, vous vous connectez avec votre adresse e-mail, {{{email}}}, ou \
        avec votre nom d’utilisateur, {{{username}}}.{{/emailSignsIn}}{{^emailSignsIn}}Ensuite, \
        vous vous connectez avec votre nom d’utilisateur, {{{username}}}. Votre adresse e-mail ne \
        permet pas de se connecter à ce compte ; elle ne sert qu’à vous écrire.{{/emailSignsIn}}
        """,
      action: action, expiry: "Le lien est utilisable jusqu’au {{{expires}}}.",
      unexpected: """
        Vous n’attendiez pas ce message ? Vous n’avez alors rien à faire : sans le lien, rien ne se \
        passe. Si votre adresse a été utilisée par erreur, merci de le dire à {{{organization}}}.
        """,
      closing: """
        Ce message a été envoyé automatiquement par Clientele pour {{{organization}}}. Personne ne \
        lit les réponses.
        """)
  }
}

// MARK: Dutch

extension InvitationPhrases {
  static let dutchClient = dutch(
    subject: "{{{organization}}} nodigt u uit om uw cliëntaccount te activeren",
    introduction: """
      {{{organization}}} heeft een cliëntaccount voor u aangemaakt. Open de link hieronder om het te \
      activeren. Op de pagina die opent, kiest u uw wachtwoord of voert u het wachtwoord in dat u \
      al hebt.
      """,
    action: "Mijn account activeren")

  static let dutchStaff = dutch(
    subject: "{{{organization}}} nodigt u uit om deel uit te maken van het team",
    introduction: """
      {{{organization}}} nodigt u uit om deel uit te maken van het team. Open de link hieronder om \
      te aanvaarden. Op de pagina die opent, kiest u uw wachtwoord of voert u het wachtwoord in dat \
      u al hebt.
      """,
    action: "Deel uitmaken van het team")

  private static func dutch(
    subject: String, introduction: String, action: String
  ) -> InvitationPhrases {
    InvitationPhrases(
      subject: subject, greeting: "Dag{{#named}} {{{name}}}{{/named}},",
      introduction: introduction,
      signIn: """
        {{#emailSignsIn}}Daarna meldt u zich aan met uw e-mailadres, {{{email}}}, of met uw \
        gebruikersnaam, {{{username}}}.{{/emailSignsIn}}{{^emailSignsIn}}Daarna meldt u zich aan \
        met uw gebruikersnaam, {{{username}}}. Met uw e-mailadres kunt u zich niet aanmelden bij \
        dit account; het dient alleen om u te schrijven.{{/emailSignsIn}}
        """,
      action: action, expiry: "De link is bruikbaar tot {{{expires}}}.",
      unexpected: """
        Verwachtte u dit bericht niet? Dan hoeft u niets te doen: zonder de link gebeurt er niets. \
        Is uw adres per vergissing gebruikt, laat het dan weten aan {{{organization}}}.
        """,
      closing: """
        Dit bericht is automatisch verstuurd door Clientele voor {{{organization}}}. Antwoorden \
        worden niet gelezen.
        """)
  }
}
