/// Names of people who speak English, the most frequent first.
enum EnglishNames {
  static let given = """
    James Mary John Patricia Robert Jennifer Michael Linda David Elizabeth William Barbara Richard \
    Susan Joseph Jessica Thomas Sarah Charles Karen Christopher Lisa Daniel Nancy Matthew Betty \
    Anthony Sandra Mark Margaret Donald Ashley Steven Kimberly Andrew Emily Paul Donna Joshua \
    Michelle Kenneth Carol Kevin Amanda Brian Melissa George Deborah Timothy Stephanie Ronald Rebecca \
    Jason Laura Edward Helen Jeffrey Sharon Ryan Cynthia Jacob Kathleen Gary Amy Nicholas Angela \
    Eric Shirley Jonathan Anna Stephen Brenda Larry Pamela Justin Emma Scott Nicole Brandon Samantha \
    Benjamin Katherine Samuel Christine Gregory Helena Alexander Debra Patrick Rachel Frank Carolyn \
    Raymond Janet Jack Maria Dennis Olivia Jerry Heather Tyler Diane Aaron Julie Jose Joyce Adam \
    Victoria Nathan Ruth Henry Virginia Zachary Lauren Douglas Kelly Peter Christina Kyle Joan Noah \
    Evelyn Ethan Judith Jeremy Andrea Walter Hannah Christian Megan Keith Cheryl Roger Jacqueline \
    Terry Martha Austin Madison Sean Teresa Gerald Gloria Carl Sara Harold Janice Dylan Ann Arthur \
    Kathryn Lawrence Abigail Jordan Sophia Jesse Frances Bryan Jean Bruce Alice Gabriel Judy Liam \
    Isabella Mason Chloe Logan Grace
    """.words
  static let family = """
    Smith Brown Wilson Campbell Johnson Taylor Jones Williams MacDonald Anderson Thompson Scott \
    Stewart Miller Robinson Moore White Clark Young Walker Murphy Martin Reid Murray Ross Graham \
    Hamilton Robertson Mitchell Fraser Kelly Davis Hughes Morrison Bell Wright King Green Baker \
    Harris Evans Roberts Lewis Jackson Hill Phillips Edwards Wood Allen Watson Cooper Bennett Gray \
    Henderson Kennedy Marshall Hunter Gordon Grant Crawford Ferguson Johnston Cameron Simpson \
    Burns Sullivan Ryan Byrne Walsh Doyle Dunn Collins Carter Turner Parker Adams Hall Nelson \
    Cook Bailey Foster Barnes Fisher Palmer Mills Webb Rogers Stevens Chapman Lloyd Mason Knight \
    Butler Russell Barker Payne Pearson Spencer Price Armstrong Wallace Ford Holmes Elliott Harrison \
    Lawson Dixon Gibson Hart Hudson Cole Perry Dawson Ellis Kerr Boyd Brooks Bryant Burton Carr \
    Cunningham Day Dean Douglas Duncan Fleming Fletcher Fox Freeman Gardner Gilbert Griffin Harper \
    Hayes Howard Hunt James Jenkins Jordan Lane Lawrence Matthews McCarthy McKenzie Morgan Morris \
    Nicholson Owen Porter Powell Reynolds Richards Richardson Saunders Shaw Stone Sutherland Todd \
    Tucker Wells West Woods
    """.words
  static let streets = [
    "Main Street", "Church Street", "Station Road", "Park Avenue", "Mill Lane", "King Street",
    "Queen Street", "Victoria Avenue", "Maple Street", "Elm Avenue", "Oak Street", "Pine Avenue",
    "Sherbrooke Street West", "Cedar Crescent", "Lakeshore Road", "Birch Street", "Hillside Avenue",
    "Cartier Street", "Wellington Street", "Mountain Road", "River Road", "Spring Garden Road",
    "Highland Avenue", "St. Patrick Street", "Laurier Avenue", "College Street", "Orchard Road",
  ]
}

extension String {
  /// Its words.
  var words: [String] { split(separator: " ").map(String.init) }
}
