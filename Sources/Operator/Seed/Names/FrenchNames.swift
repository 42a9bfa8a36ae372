/// Names of people who speak French, the most frequent first.
enum FrenchNames {
  static let given = """
    Marie Jean Pierre Nathalie Philippe Isabelle Michel Catherine Alain Martine Julie Nicolas \
    Christine Thomas Sophie Laurent Camille David Émilie Antoine Léa Julien Chloé Alexandre Sarah \
    Maxime Manon Louis Laura Lucas Emma Hugo Charlotte Arthur Inès Gabriel Lola Nathan Clara Théo \
    Jade Simon Alice Mathieu Zoé Adam Louise Guillaume Juliette Romain Anaïs Quentin Lucie Benoît \
    Pauline Vincent Céline Olivier Valérie Éric Sandrine François Véronique Christophe Sylvie \
    Stéphane Caroline Frédéric Aurélie Sébastien Delphine Cédric Élise Xavier Audrey Fabrice Mélanie \
    Jérôme Amélie Rémi Justine Bastien Marine Corentin Margaux Loïc Noémie Valentin Océane Baptiste \
    Mathilde Clément Elsa Raphaël Ambre Noah Rose Ethan Lina Sacha Mila Jules Romane Tom Agathe \
    Robin Eva Axel Lily Samuel Victoire Gaspard Jeanne Marius Capucine Augustin Victoria Martin \
    Constance Timothée Héloïse Étienne Geneviève Gilles Monique André Jacqueline Roger Françoise \
    Claude Brigitte Daniel Chantal Bernard Colette Marcel Yvonne Henri Denise René Simone Georges \
    Huguette Yves Lucienne Serge Josiane Luc Mireille Didier Dominique Pascal Anne Thierry Patricia \
    Marc Florence Bruno Virginie
    """.words
  static let family = """
    Dubois Lambert Martin Dupont Simon Dumont Leclercq Laurent Renard François Lejeune Leroy Denis \
    Gérard Collin Mathieu Henry Noël Charlier Thomas Wauters Petit Delvaux Hubert Adam Lemaire \
    Gilles Bertrand Michel Marchal Fontaine Evrard Bodart Poncelet Goffin Remy Jacques Dupuis \
    Deprez Legrand Carlier Delhaye Moreau Delattre Bastin Lefèbvre Piron Lebrun Gillet Massart \
    Libert Dujardin Dewez Toussaint Hardy Defays Marlier Baudoux Collard Dethier Nicolas Collignon \
    Servais Pirotte Thiry Wathelet Herman Gaspard Rousseau Dardenne Cornet Jadot Robert Paquet \
    Tremblay Gagnon Roy Côté Bouchard Gauthier Morin Lavoie Fortin Gagné Ouellet Pelletier Bélanger \
    Lévesque Bergeron Leblanc Paquette Girard Boucher Caron Beaulieu Cloutier Dubé Poirier Fournier \
    Lapointe Leclerc Lefebvre Poulin Thibault Nadeau Martel Grenier Hébert Mercier Bédard Demers \
    Desjardins Desrosiers Dufour Gosselin Harvey Larouche Lachance Langlois Lemieux Michaud Parent \
    Perron Proulx Richard Savard Sirois Théberge Turcotte Vachon Villeneuve Allard Audet Bilodeau \
    Blais Boivin Champagne Charbonneau Chartrand Couture Deschênes Drolet Gendron Giguère Godin \
    Guay Houle Labelle Lacroix Laflamme Lalonde Lamontagne Landry Lapierre Larivière Masson Racine \
    Rioux Rivard Robitaille Samson Séguin Simard Tessier Trudel Vincent
    """.words
  static let streets = [
    "Rue de l'Église", "Rue de la Station", "Rue du Moulin", "Rue des Écoles", "Grand-Rue",
    "Rue du Centre", "Chaussée de Namur", "Chaussée de Bruxelles", "Avenue des Tilleuls",
    "Rue Saint-Joseph", "Rue du Château", "Place communale", "Rue des Champs", "Rue du Pont",
    "Avenue Reine Astrid", "Rue de la Chapelle", "Rue Haute", "Rue Basse", "Rue Neuve",
    "Avenue du Parc", "Rue des Prés", "Rue du Bois", "Clos des Lilas", "Rue de la Fontaine",
    "Boulevard du Roi", "Rue Principale", "Chemin du Lac", "Rue des Érables", "Avenue des Pins",
    "Rue des Bouleaux", "Rue Sainte-Anne", "Rue Notre-Dame", "Montée des Sources",
    "Rang Saint-Louis",
  ]
}
