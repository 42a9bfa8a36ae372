/// Names of people who speak Dutch, the most frequent first.
enum DutchNames {
  static let given = """
    Jan Maria Marc An Luc Els Peter Nathalie Johan Kristien Tom Sofie Bart Katrien Koen Annelies \
    Wim Ilse Kevin Sarah Dirk Griet Stijn Lien Pieter Elke Wouter Evi Jeroen Sara Kristof Leen Tim \
    Nele Thomas Lies Jonas Charlotte Bram Lotte Ruben Emma Arne Louise Lars Julie Senne Marie Lucas \
    Noor Noah Olivia Liam Mila Finn Elena Arthur Ella Jules Nora Louis Anna Victor Lina Adam Alice \
    Vince Juliette Mathis Camille Kobe Hanne Seppe Fien Robbe Amber Milan Elise Jasper Laura Simon \
    Femke Daan Lore Sander Eline Matthias Jolien Niels Silke Dries Ine Joris Tine Gert Greet Filip \
    Karen Geert Veerle Stefan Hilde Erik Inge Frank Ingrid Patrick Martine Rudi Linda Guido Rita \
    Willy Godelieve Jozef Lutgarde Roger Christiane Frans Denise Albert Simonne André Jeanne Etienne \
    Rosa Herman Yvonne Walter Monique Eddy Nicole Danny Carine Ronny Sonja Paul Annick Hans Ann \
    Gunther Kim Steven Tania Sven Wendy Bjorn Kelly Yannick Jana Maarten Astrid Lander Ilke Xander \
    Merel Wannes Janne Warre Roos Stan Pauline Mauro Zita Gust Bo Jef Tess Cas Lise Ward Febe \
    Floris Margot
    """.words
  static let family = """
    Peeters Janssens Maes Jacobs Mertens Willems Claes Goossens Wouters Pauwels Hermans Michiels \
    Martens Aerts Hendrickx Smets Lambrechts Claeys Desmet Verhoeven Stevens Segers Bogaerts Cools \
    Coppens Thijs Wuyts Vermeulen Lemmens Verstraete Verbeke Jansen Timmermans Wauters Cornelis \
    Geerts Carlier Bauwens Christiaens Dierckx Nijs Moens Baert Declercq Verlinden Verschueren \
    Vandenberghe Vermeiren Verhaegen Smeets Diels Jansens Dewulf Michielsen Luyten Vercammen \
    Ceulemans Beckers Daems Raes Lenaerts Wijnants Roels Buyse Desmedt Verheyen Callens Vanhove \
    Bosmans Geeraerts Dewitte Blommaert Theunis Simons Adriaensen Sels Baeten Nys Gielen Vanneste \
    Deckers Somers Schepers Reynders Swinnen Driesen Vranken Cuypers Bervoets Verbruggen Bertels \
    Heylen Helsen Engels Verbist Naessens Hoste Gevaert Dhondt Verstraeten Vandamme Debruyne \
    Lievens Huybrechts Rombouts Mariën Boons Schoofs Sterckx Vandenbroucke Vandevelde Vandeputte \
    Verbeeck Vermeire Vervaet Vervoort Yperman Steyaert Standaert Schelfhout Ryckaert Rogiers \
    Pieters Piessens Peleman Pattyn Ooms Nauwelaerts Muylaert Meeus Meersman Matthys Mahieu Lauwers \
    Lannoo Laureys Joos Jaspers Ingels Hoefkens Haesaerts Gysels Govaerts Gilis Franssens Eeckhout \
    Dumoulin Dobbelaere Deprez Dejonghe Degroote Colpaert Buysse Brouwers Boeykens Bossuyt
    """.words
  static let streets = [
    "Kerkstraat", "Stationsstraat", "Molenstraat", "Schoolstraat", "Dorpsstraat", "Nieuwstraat",
    "Kapelstraat", "Hoogstraat", "Veldstraat", "Bosstraat", "Beekstraat", "Lindelaan", "Parklaan",
    "Markt", "Groenstraat", "Kasteelstraat", "Leopoldlaan", "Koning Albertlaan", "Berkenlaan",
    "Eikenlaan", "Zandstraat", "Brusselsesteenweg", "Gentsesteenweg", "Mechelsesteenweg",
    "Vijverstraat", "Hofstraat", "Processiestraat", "Rozenlaan", "Sint-Jansstraat", "Meersstraat",
  ]
}
