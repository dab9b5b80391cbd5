"""Words by language and role. The last fifth of each content list belongs to the test split."""

ENGLISH = {
    "det": "the a my your our this that every some her his".split(),
    "noun": (
        "river bottle window garden mother father morning picture village market ocean camera kitchen table paper "
        "butter apple pepper bubble summer valley feather fever move music movie shoe juice school moon room food "
        "house mouse cloud flower voice boy toy coin light night time fire sky train rain game name day way stone "
        "boat road coat rose home bear chair hair fair park car heart star guard bird word world girl shirt cup love "
        "money brother number bread bed letter weather leather feather ship fish dish village bridge king ring song "
        "thing path bath month mouth tooth thumb judge cheese church watch beach bush push book foot wolf woman "
        "yellow pillow window shadow whisper wave wheel wall water question queen quiz box fox six mix lake cake rock "
        "clock dog frog lamp camp map cap bag flag lemon melon piano zebra lion tiger planet forest island mountain"
    ).split(),
    "verb": (
        "opens finds moves leaves brings makes takes shows sees hears feels loves wants keeps holds turns paints "
        "builds breaks follows carries watches washes pushes pulls throws catches draws writes reads sings plays "
        "buys sells gives moves proves saves serves covers offers visits remembers believes imagines discovers "
        "measures forgets borrows answers teaches chooses enjoys avoids joins points shouts counts allows"
    ).split(),
    "adj": (
        "big small old new blue green brown white happy funny heavy empty simple pretty warm cool smooth rough fresh "
        "proud loud quiet young thirsty busy lovely early broken golden wooden frozen famous curious beautiful "
        "wonderful enormous narrow shallow gentle purple orange silver"
    ).split(),
    "link": "and but while because so when before after".split(),
    "prep": "in on under behind near with without above before from over".split(),
}

GERMAN = {
    "det": "der die das ein eine mein unser jeder dieser".split(),
    "noun": (
        "Baum Haus Fenster Garten Mutter Vater Morgen Bild Dorf Markt Meer Küche Tisch Papier Butter Apfel Sommer "
        "Feuer Himmel Zug Regen Spiel Name Tag Weg Stein Boot Straße Rose Bär Stuhl Herz Stern Vogel Wort Welt "
        "Mädchen Hemd Liebe Geld Bruder Zahl Brot Bett Brief Wetter Schiff Fisch Brücke König Lied Mond Schule "
        "Schuh Zug Buch Fuß Wolf Frau Wasser Frage Uhr Hund Frosch Lampe Karte Löwe Tiger Wald Insel Berg Möwe "
        "Höhle Tür Mühle Brühe Bäume Häuser Leute Freund Pfeife Pflaume Schweiz Pfeffer Wagen"
    ).split(),
    "verb": (
        "öffnet findet bewegt bringt macht nimmt zeigt sieht hört fühlt liebt will hält dreht malt baut bricht folgt "
        "trägt wäscht schiebt zieht wirft fängt schreibt liest singt spielt kauft verkauft gibt besucht glaubt "
        "entdeckt misst vergisst übt lobt führt prüft"
    ).split(),
    "adj": "groß klein alt neu blau grün braun weiß froh schwer leer schön warm kühl frisch stolz laut leise jung früh golden berühmt".split(),
    "link": "und aber weil wenn bevor denn".split(),
    "prep": "in auf unter hinter neben mit ohne über vor von".split(),
}

FRENCH = {
    "det": "le la un une mon ma notre chaque ce cette".split(),
    "noun": (
        "arbre maison fenêtre jardin mère père matin image village marché mer cuisine table papier beurre pomme été "
        "feu ciel train pluie jeu nom jour chemin pierre bateau route rose ours chaise coeur étoile oiseau mot monde "
        "fille chemise amour argent frère pain lit lettre temps poisson pont roi chanson lune école chaussure livre "
        "pied loup femme eau question montre chien lampe carte lion tigre forêt île montagne bouche feuille soleil "
        "peur bonheur musique voiture oreille enfant vent"
    ).split(),
    "verb": (
        "ouvre trouve bouge apporte fait prend montre voit entend sent aime veut garde tourne peint suit porte regarde "
        "lave pousse tire jette écrit lit chante joue achète vend donne visite croit découvre mesure oublie peut"
    ).split(),
    "adj": "grand petit vieux nouveau bleu vert brun blanc heureux lourd vide simple joli chaud frais fier jeune doux rouge célèbre".split(),
    "link": "et mais parce que quand avant donc".split(),
    "prep": "dans sur sous derrière avec sans vers pour de".split(),
}

SPANISH = {
    "det": "el la un una mi tu nuestro cada este esta".split(),
    "noun": (
        "árbol casa ventana jardín madre padre mañana foto pueblo mercado mar cocina mesa papel mantequilla manzana "
        "verano fuego cielo tren lluvia juego nombre día camino piedra barco calle rosa oso silla corazón estrella "
        "pájaro palabra mundo muchacha camisa amor dinero hermano pan cama carta tiempo pez puente rey canción luna "
        "escuela zapato libro pie lobo mujer agua pregunta reloj perro lámpara mapa león tigre bosque isla montaña "
        "boca hoja sol música coche fiesta viaje"
    ).split(),
    "verb": (
        "abre encuentra mueve trae hace toma muestra ve oye siente ama quiere guarda gira pinta sigue lleva mira lava "
        "empuja tira escribe lee canta juega compra vende da visita cree descubre mide olvida busca"
    ).split(),
    "adj": "grande pequeño viejo nuevo azul verde blanco feliz pesado vacío simple bonito cálido fresco joven suave rojo famoso".split(),
    "link": "y pero porque cuando antes entonces".split(),
    "prep": "en sobre bajo detrás con sin hacia para de".split(),
}

ITALIAN = {
    "det": "il la un una mio tua nostro ogni questo questa".split(),
    "noun": (
        "albero casa finestra giardino madre padre mattina foto paese mercato mare cucina tavolo carta burro mela "
        "estate fuoco cielo treno pioggia gioco nome giorno strada pietra barca rosa orso sedia cuore stella uccello "
        "parola mondo ragazza camicia amore soldi fratello pane letto lettera tempo pesce ponte re canzone luna scuola "
        "scarpa libro piede lupo donna acqua domanda orologio cane lampada mappa leone tigre bosco isola montagna "
        "bocca foglia sole musica macchina voce uomo"
    ).split(),
    "verb": (
        "apre trova muove porta fa prende mostra vede sente ama vuole tiene gira dipinge segue guarda lava spinge tira "
        "scrive legge canta gioca compra vende dà visita crede scopre misura dimentica cerca"
    ).split(),
    "adj": "grande piccolo vecchio nuovo blu verde bianco felice pesante vuoto semplice bello caldo fresco giovane rosso famoso".split(),
    "link": "e ma perché quando prima poi".split(),
    "prep": "in su sotto dietro con senza verso per di".split(),
}

PORTUGUESE = {
    "det": "o a um uma meu nossa cada este".split(),
    "noun": "árvore casa janela jardim mãe pai manhã foto vila mercado mar cozinha mesa papel manteiga maçã verão fogo céu trem chuva jogo nome dia caminho pedra barco rua rosa urso coração estrela palavra mundo menina amor dinheiro irmão pão cama carta tempo peixe ponte rei canção lua escola sapato livro lobo mulher água".split(),
    "verb": "abre encontra move traz faz toma mostra vê ouve sente ama quer guarda gira pinta segue leva olha lava puxa escreve lê canta joga compra vende dá visita".split(),
    "adj": "grande pequeno velho novo azul verde branco feliz pesado simples bonito quente fresco jovem vermelho".split(),
    "link": "e mas porque quando depois".split(),
    "prep": "em sobre com sem para de".split(),
}

DUTCH = {
    "det": "de het een mijn onze elke deze".split(),
    "noun": "boom huis raam tuin moeder vader morgen beeld dorp markt zee keuken tafel papier boter appel zomer vuur hemel trein regen spel naam dag weg steen boot straat roos beer stoel hart ster vogel woord wereld meisje hemd liefde geld broer brood bed brief weer schip vis brug koning lied maan school schoen boek voet wolf vrouw water vraag".split(),
    "verb": "opent vindt beweegt brengt maakt neemt toont ziet hoort voelt houdt draait bouwt breekt volgt draagt wast duwt trekt gooit vangt schrijft leest zingt speelt koopt verkoopt geeft bezoekt".split(),
    "adj": "groot klein oud nieuw blauw groen bruin wit blij zwaar leeg mooi warm koel fris trots luid jong".split(),
    "link": "en maar omdat als voordat".split(),
    "prep": "in op onder achter met zonder over van".split(),
}

BY_LANGUAGE = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH, "it": ITALIAN, "pt": PORTUGUESE, "nl": DUTCH}
CONTENT = ("noun", "verb", "adj")
