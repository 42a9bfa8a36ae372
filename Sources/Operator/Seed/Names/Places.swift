/// A town with its postal code; in Quebec the first half of it.
struct Town: Sendable {
  let name: String
  let postalCode: String
  let province: String
}

/// Where an organisation of the seed works, and which languages are spoken there.
struct Region: Sendable {
  /// ISO 3166-1, and a zone of the tz database.
  let country: String
  let timeZone: String
  /// Languages as BCP 47 tags with their share in a hundred; the first is the organisation's own.
  let languages: [(tag: String, share: Int)]
  let towns: [Town]

  /// In turn, organisation by organisation.
  static let all = [brussels, wallonia, flanders, quebec]

  static let brussels = Region(
    country: "BE", timeZone: "Europe/Brussels", languages: [("fr", 62), ("nl", 23), ("en", 15)],
    towns: towns(
      "",
      """
      Bruxelles 1000, Schaerbeek 1030, Etterbeek 1040, Ixelles 1050, Saint-Gilles 1060, \
      Anderlecht 1070, Molenbeek-Saint-Jean 1080, Koekelberg 1081, Berchem-Sainte-Agathe 1082, \
      Ganshoren 1083, Jette 1090, Evere 1140, Woluwe-Saint-Pierre 1150, Auderghem 1160, \
      Watermael-Boitsfort 1170, Uccle 1180, Forest 1190, Woluwe-Saint-Lambert 1200, \
      Saint-Josse-ten-Noode 1210
      """))
  static let wallonia = Region(
    country: "BE", timeZone: "Europe/Brussels", languages: [("fr", 94), ("nl", 4), ("en", 2)],
    towns: towns(
      "",
      """
      Namur 5000, Jambes 5100, Gembloux 5030, Dinant 5500, Ciney 5590, Liège 4000, Seraing 4100, \
      Herstal 4040, Huy 4500, Verviers 4800, Spa 4900, Charleroi 6000, Gilly 6060, Marcinelle 6001, \
      Mons 7000, La Louvière 7100, Soignies 7060, Ath 7800, Tournai 7500, Mouscron 7700, Wavre 1300, \
      Ottignies 1340, Louvain-la-Neuve 1348, Nivelles 1400, Braine-l'Alleud 1420, Waterloo 1410, \
      Arlon 6700, Bastogne 6600, Marche-en-Famenne 6900, Neufchâteau 6840
      """))
  static let flanders = Region(
    country: "BE", timeZone: "Europe/Brussels", languages: [("nl", 93), ("fr", 4), ("en", 3)],
    towns: towns(
      "",
      """
      Antwerpen 2000, Berchem 2600, Deurne 2100, Mechelen 2800, Lier 2500, Turnhout 2300, Geel 2440, \
      Gent 9000, Gentbrugge 9050, Aalst 9300, Sint-Niklaas 9100, Dendermonde 9200, Oudenaarde 9700, \
      Brugge 8000, Oostende 8400, Kortrijk 8500, Roeselare 8800, Ieper 8900, Waregem 8790, \
      Leuven 3000, Heverlee 3001, Tienen 3300, Diest 3290, Aarschot 3200, Halle 1500, Vilvoorde 1800, \
      Hasselt 3500, Genk 3600, Tongeren 3700, Sint-Truiden 3800
      """))
  static let quebec = Region(
    country: "CA", timeZone: "America/Toronto", languages: [("fr-CA", 78), ("en-CA", 22)],
    towns: towns(
      "QC",
      """
      Montréal H2X, Montréal H3B, Montréal H1W, Montréal H4A, Verdun H4G, Laval H7N, Longueuil J4K, \
      Brossard J4W, Terrebonne J6W, Repentigny J6A, Québec G1R, Québec G1V, Lévis G6V, Gatineau J8X, \
      Sherbrooke J1H, Trois-Rivières G9A, Saguenay G7H, Drummondville J2C, Saint-Jérôme J7Z, \
      Granby J2G, Saint-Hyacinthe J2S, Rimouski G5L, Shawinigan G9N, Joliette J6E, Victoriaville G6P, \
      Rouyn-Noranda J9X, Salaberry-de-Valleyfield J6S, Magog J1X
      """))

  private static func towns(_ province: String, _ list: String) -> [Town] {
    list.split(separator: ",").map { entry in
      let words = entry.split(separator: " ")
      return Town(
        name: words.dropLast().joined(separator: " "),
        postalCode: words.last.map(String.init) ?? "", province: province)
    }
  }
}
